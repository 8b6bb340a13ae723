// Owns that an account can keep its images and snapshots from being shared with everybody.
// Source: "Understand block public access for AMIs" and "Block public access for Amazon EBS snapshots", EC2 and EBS User Guides.

import type { AccountId } from '@ironbark/core/ids.ts';
import { getEbsSettings } from '../store/ebs-settings.ts';
import { EVERYBODY } from '../store/snapshot-permissions.ts';
import type { Queries } from '../store/store.ts';
import { refuse } from './refusals.ts';
import type { PermissionChange } from './snapshot-access.ts';

const NOUNS = {
  image: { setting: 'imageSharing', name: 'AMIs', action: 'DisableImageBlockPublicAccess' },
  snapshot: {
    setting: 'snapshotSharing',
    name: 'snapshots',
    action: 'DisableSnapshotBlockPublicAccess',
  },
} as const;

/** EC2's sentence. */
export async function requirePublicSharing(
  tx: Queries,
  accountId: AccountId,
  { noun, add }: Pick<PermissionChange, 'add'> & { noun: keyof typeof NOUNS },
): Promise<void> {
  if (!add.includes(EVERYBODY)) return;
  const { setting, name, action } = NOUNS[noun];
  if ((await getEbsSettings(tx, accountId))[setting] === 'unblocked') return;
  throw refuse(
    'operation-not-permitted',
    noun,
    `You can't publicly share this ${noun} because block public access for ${name} is enabled for this account. To publicly share the ${noun}, you must call the ${action} API.`,
  );
}
