// Owns the rules of changing a volume: its size, type, rates and Multi-Attach, one change at a time.
//
// EC2 allows a few changes in a day. This cloud has no such limit: a change can follow as soon as the one before is
// completed.

import type { VolumeId } from '@ironbark/core/ids.ts';
import { VOLUME_TYPES } from '@ironbark/core/volume-types.ts';
import type { StorageReport } from '@ironbark/protocol/internal/storage-client.ts';
import { listAttachmentsOfVolume } from '../store/attachments.ts';
import type { VolumeModificationRow, VolumeRow, VolumeShape } from '../store/schema.ts';
import type { Queries } from '../store/store.ts';
import { findModification, putModification } from '../store/volume-modifications.ts';
import { reshapeVolume } from '../store/volumes.ts';
import type { Caller, Change } from './change.ts';
import { GIB_OF_TIB, STORAGE_QUOTAS } from './quotas/catalogue.ts';
import { requireWithin } from './quotas/limits.ts';
import { invalidValue, missingParameter, notOffered, refuse } from './refusals.ts';
import { checkMultiAttachChange } from './shared-volumes.ts';
import { findBackend } from './volume-backends.ts';
import { chooseShape, type RateWish } from './volume-shape.ts';
import { viewVolumeState } from './volume-view.ts';
import { checkRoom, getVolume } from './volumes.ts';

export interface ModificationWish extends Partial<RateWish> {
  sizeGib: number | undefined;
}

/** EC2's default for a volume that becomes io1 or io2; those have none when they are made. */
const IOPS_OF_CHANGED_TYPE = 3_000;

export async function modifyVolume(
  caller: Caller,
  { tx, nowMs, touched }: Change,
  id: VolumeId,
  wish: ModificationWish & { storage: StorageReport },
): Promise<VolumeModificationRow> {
  const volume = await getVolume(tx, caller, id);
  const present = await listAttachmentsOfVolume(tx, id);
  checkState(volume, viewVolumeState(volume, present[0]));
  checkNoneUnderWay(await findModification(tx, id));
  const { multiAttachEnabled } = volume;
  const target = { multiAttachEnabled, ...chooseTarget(volume, wish) };
  checkMultiAttachChange(volume, target, present);
  const moreGib = target.sizeGib - volume.sizeGib;
  if (moreGib > 0) await checkRoom(tx, moreGib, wish.storage);
  await checkStorage(tx, volume, target);
  const { sizeGib, volumeType, iops, throughputMibps } = volume;
  if (moreGib > 0) await checkGrowth(tx, volume);
  const original: VolumeShape = { sizeGib, volumeType, iops, throughputMibps, multiAttachEnabled };
  const offeredSizeGib = moreGib > 0 ? sizeGib : null;
  const generation = await reshapeVolume(tx, id, { ...target, offeredSizeGib });
  await putModification(tx, {
    volumeId: id,
    accountId: caller.accountId,
    generation,
    original: JSON.stringify(original),
    target: JSON.stringify(target),
    state: 'modifying',
    startedAt: nowMs,
  });
  touched.volumes.add(id);
  return (await findModification(tx, id))!;
}

/** A volume that changes its type is counted whole as the new one's. */
async function checkStorage(tx: Queries, volume: VolumeRow, target: VolumeShape): Promise<void> {
  const isSameType = target.volumeType === volume.volumeType;
  const moreGib = target.sizeGib - (isSameType ? volume.sizeGib : 0);
  if (moreGib === 0) return;
  const quota = STORAGE_QUOTAS[target.volumeType];
  await requireWithin(tx, volume.accountId, quota, moreGib / GIB_OF_TIB);
}

/** Zeros have to be encrypted where it becomes longer, and nobody writes them behind an image that is served. */
async function checkGrowth(tx: Queries, { id, encrypted }: VolumeRow): Promise<void> {
  const backend = (await findBackend(tx, id)) ?? 'file';
  if (encrypted === 0 || backend !== 'rbd') return;
  throw notOffered(
    `Growing an encrypted volume in the backend ${backend}`,
    'Make a larger one from a snapshot of it.',
  );
}

function checkState({ id }: VolumeRow, state: string): void {
  if (state === 'available' || state === 'in-use') return;
  const message = `Volume '${id}' is '${state}'; it can be modified while it is 'available' or 'in-use'.`;
  throw refuse('incorrect-state', 'volume', message);
}

function checkNoneUnderWay(before: VolumeModificationRow | undefined): void {
  if (before === undefined || before.endedAt !== null) return;
  const { volumeId, state } = before;
  const message = `Volume ${volumeId} cannot be modified in modification state ${state.toUpperCase()}. Wait until it is completed.`;
  throw refuse('incorrect-state', 'volume-modification', message);
}

/** What is not named stays, except that a new type begins with its own rates. */
function chooseTarget(volume: VolumeRow, wish: ModificationWish): VolumeShape {
  const { sizeGib: size, volumeType: type, iops, throughputMibps, multiAttach } = wish;
  if ([size, type, iops, throughputMibps, multiAttach].every((each) => each === undefined)) {
    throw missingParameter('size, volumeType, iops, throughput or multiAttachEnabled');
  }
  const { sizeGib = volume.sizeGib, volumeType = volume.volumeType } = wish;
  if (sizeGib < volume.sizeGib) {
    const message = `New size cannot be smaller than existing size (${volume.sizeGib} GiB).`;
    throw invalidValue('Size', sizeGib, message);
  }
  const isSameType = volumeType === volume.volumeType;
  if (volumeType === 'standard' && !isSameType) {
    throw invalidValue('VolumeType', volumeType, 'A volume cannot be changed to Magnetic.');
  }
  const kept = isSameType ? volume : { iops: startingIops(volumeType), throughputMibps: null };
  return chooseShape({
    sizeGib,
    volumeType,
    iops: iops ?? kept.iops ?? undefined,
    throughputMibps: throughputMibps ?? kept.throughputMibps ?? undefined,
    multiAttach,
  });
}

function startingIops(volumeType: VolumeRow['volumeType']): number | null {
  return VOLUME_TYPES[volumeType].iops === undefined ? null : IOPS_OF_CHANGED_TYPE;
}
