// Owns taking in what the Cloud Controller wants, and forgetting what it no longer asks about.

import { ServiceError } from '@ironbark/core/errors.ts';
import { isResourceId, type SnapshotId, type VolumeId } from '@ironbark/core/ids.ts';
import { MAX_ATTACHMENTS } from '@ironbark/core/volume-types.ts';
import type { InstanceOpening, StorageIntent } from '@ironbark/protocol/internal/storage-client.ts';
import { forgetSnapshots, purgeForgottenSnapshots, putSnapshotIntent } from '../store/snapshots.ts';
import { forgetVolumes, purgeForgottenVolumes, putVolumeIntent } from '../store/volumes.ts';
import type { StorageContext } from './context.ts';

/** EBS's largest volume; a longer one is a caller's mistake. */
const MAX_VOLUME_BYTES = 64 * 1024 ** 4;
/** O_DIRECT reads and writes whole sectors. */
const SECTOR_BYTES = 512;
/** How long a forgotten id stays known: far longer than a late message can travel. */
const FORGOTTEN_KEPT_MS = 24 * 60 * 60 * 1000;

/** Resolves once the intents are on stable storage. */
export async function putIntents(context: StorageContext, intent: StorageIntent): Promise<void> {
  for (const { id, sizeBytes, openTo = [] } of intent.volumes) {
    requireVolume(id, sizeBytes);
    requireOpenings(id, openTo);
  }
  for (const { id, volumeId, volumeSizeBytes } of intent.snapshots) {
    requireVolume(volumeId, volumeSizeBytes);
    if (!isResourceId('snap', id)) throw malformed('snapshot', id);
  }
  const news = await context.database.transaction(async (tx) => {
    const volumes: VolumeId[] = [];
    const snapshots: SnapshotId[] = [];
    for (const each of intent.volumes) {
      if (await putVolumeIntent(tx, each)) volumes.push(each.id);
    }
    for (const each of intent.snapshots) {
      if (await putSnapshotIntent(tx, each)) snapshots.push(each.id);
    }
    return { volumes, snapshots };
  });
  // Snapshots first: their point in time is when they are looked at.
  for (const id of news.snapshots) context.pokeSnapshot(id);
  for (const id of news.volumes) context.pokeVolume(id);
}

export async function forgetAbsent(
  context: StorageContext,
  ids: { volumes: VolumeId[]; snapshots: SnapshotId[] },
): Promise<void> {
  const nowMs = context.clock.nowMs();
  await context.database.transaction(async (tx) => {
    await forgetVolumes(tx, ids.volumes, nowMs);
    await forgetSnapshots(tx, ids.snapshots, nowMs);
    await purgeForgottenVolumes(tx, nowMs - FORGOTTEN_KEPT_MS);
    await purgeForgottenSnapshots(tx, nowMs - FORGOTTEN_KEPT_MS);
  });
}

/** Ids become file names and sizes become allocations, so both are checked where they come in. */
function requireVolume(id: string, sizeBytes: number): void {
  if (!isResourceId('vol', id)) throw malformed('volume', id);
  const good = Number.isSafeInteger(sizeBytes) && sizeBytes > 0 && sizeBytes <= MAX_VOLUME_BYTES;
  if (good && sizeBytes % SECTOR_BYTES === 0) return;
  throw new ServiceError({
    kind: 'invalid-parameter',
    resource: 'volume',
    message: `A volume cannot have ${sizeBytes} bytes: it takes a multiple of ${SECTOR_BYTES}, up to 64 TiB.`,
  });
}

function requireOpenings(id: string, openings: readonly InstanceOpening[]): void {
  const instances = new Set(openings.map(({ instanceId }) => instanceId));
  if (instances.size <= MAX_ATTACHMENTS && instances.size === openings.length) return;
  throw new ServiceError({
    kind: 'invalid-parameter',
    resource: 'volume',
    message: `${id} can be open to ${MAX_ATTACHMENTS} instances, to each of them once.`,
  });
}

function malformed(resource: 'volume' | 'snapshot', id: string): ServiceError {
  return new ServiceError({
    kind: 'malformed-id',
    resource,
    message: `${JSON.stringify(id)} is not the id of a ${resource}.`,
  });
}
