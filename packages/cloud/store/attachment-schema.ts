// Owns the table of volume attachments as a type: one row for each instance that has a volume.

import type { AccountId, InstanceId, NodeId, VolumeId } from '@ironbark/core/ids.ts';
import type { AttachMode, GuestTransport } from '@ironbark/core/io-profile.ts';
import type { Generated } from 'kysely';

type Flag = 0 | 1;

export interface AttachmentTable {
  volumeId: VolumeId;
  accountId: AccountId;
  instanceId: InstanceId;
  deviceName: string;
  deleteOnTermination: Flag;
  desired: 'attached' | 'detached';
  force: Flag;
  /** {@link BlockExport} that the instance's node was given; null: the node is not to have it open. */
  offeredExport: string | null;
  /** The instance's generation that took the offer back; the volume is free once the node has reached it. */
  withdrawnGeneration: number | null;
  observed: 'attaching' | 'attached';
  createdAt: number;
  /** As the volume's tags said when it was attached; null: by the host. */
  attachMode: AttachMode | null;
  /** Of one that the guest drives; null: over AoE. */
  guestTransport: GuestTransport | null;
  /** The volume was Multi-Attach enabled: it has an opening for this instance alone, which is what follows. */
  shared: Generated<Flag>;
  /** The node that is to be let in; null: nobody. Of one that is not shared the volume's row says it. */
  exportTo: NodeId | null;
  /** {@link BlockExport} where it can be opened. */
  observedExport: string | null;
}
