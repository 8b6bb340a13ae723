// Owns what an administrator sees of the volumes of all accounts.

import type { AccountId, InstanceId, VolumeId } from '@ironbark/core/ids.ts';
import type { AttachMode, GuestTransport } from '@ironbark/core/io-profile.ts';
import type { VolumeState } from '@ironbark/core/states.ts';
import type { VolumeLimits, VolumeType } from '@ironbark/core/volume-types.ts';
import type { AttachmentRow, VolumeRow } from '../store/schema.ts';
import type { Queries } from '../store/store.ts';
import { listAllVolumes } from '../store/volumes.ts';
import { BY_HOST, volumeProfile } from './attach-modes.ts';
import { listVolumesElsewhere } from './volume-backends.ts';
import { limitsOfShape } from './volume-shape.ts';
import { viewVolumeState } from './volume-view.ts';

/** Of a volume that several instances have there is one for each of them. */
export interface VolumeSummary {
  volumeId: VolumeId;
  accountId: AccountId;
  state: VolumeState;
  volumeType: VolumeType;
  sizeGib: number;
  limits: VolumeLimits;
  instanceId?: InstanceId;
  deviceName?: string;
  /** Who drives its disk while it is attached, and over what. */
  attachMode?: AttachMode;
  transport?: GuestTransport;
  /** How much it has of what it began with: its snapshot, or encrypted zeros; absent when that is all. */
  filledPercent?: number;
  /** Its bytes are not a file of the host's own disk. */
  isElsewhere?: true;
  /** What is wrong with it, or what it waits for. */
  reason?: string;
}

export async function summarizeVolumes(db: Queries): Promise<VolumeSummary[]> {
  const attachments = await db.selectFrom('attachment').selectAll().execute();
  const byVolume = Map.groupBy(attachments, (row) => row.volumeId);
  const rows = await listAllVolumes(db);
  const elsewhere = new Set(await listVolumesElsewhere(db));
  return rows.flatMap((row) => {
    const holders = byVolume.get(row.id) ?? [undefined];
    const place = elsewhere.has(row.id) ? ({ isElsewhere: true } as const) : {};
    return holders.map((attachment) => ({ ...summarize(row, attachment), ...place }));
  });
}

function summarize(row: VolumeRow, attachment: AttachmentRow | undefined): VolumeSummary {
  const { instanceId, deviceName } = attachment ?? {};
  const profile = volumeProfile(attachment ?? BY_HOST);
  const { attachMode, transport = 'nbd' } = profile;
  const { id: volumeId, accountId, volumeType, sizeGib, observedReason } = row;
  const isFilling = row.observedState === 'ready' && row.observedProgress < 100;
  return {
    ...{ volumeId, accountId, volumeType, sizeGib },
    state: viewVolumeState(row, attachment),
    limits: limitsOfShape(row),
    ...(instanceId === undefined ? {} : { instanceId }),
    ...(deviceName === undefined ? {} : { deviceName, attachMode, transport }),
    ...(isFilling ? { filledPercent: row.observedProgress } : {}),
    ...(observedReason === null ? {} : { reason: observedReason }),
  };
}
