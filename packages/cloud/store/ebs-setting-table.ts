// Owns the table of what accounts have set for their volumes, snapshots and images.

import type { AccountId } from '@ironbark/core/ids.ts';
import type { Generated } from 'kysely';

export interface EbsSettingTable {
  accountId: AccountId;
  encryptByDefault: 0 | 1;
  /** As the account named it; null: the default. */
  kmsKey: string | null;
  imageSharing: Generated<ImageSharing>;
  snapshotSharing: Generated<SnapshotSharing>;
}

/** EC2's words for whether what the account has may be shared with everybody. */
export type ImageSharing = 'unblocked' | 'block-new-sharing';
/** With `block-all-sharing` nobody has what is shared with everybody already. */
export type SnapshotSharing = ImageSharing | 'block-all-sharing';
