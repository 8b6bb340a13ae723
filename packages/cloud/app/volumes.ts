// Owns the rules of volumes: how large, of what kind, from which snapshot, and when one may go.

import type { InstanceId, SnapshotId, VolumeId } from '@ironbark/core/ids.ts';
import { GIB, renderBytes } from '@ironbark/core/units.ts';
import { newId } from '@ironbark/platform/random.ts';
import type { BackendName } from '@ironbark/protocol/internal/staged-backend.ts';
import type { StorageReport } from '@ironbark/protocol/internal/storage-client.ts';
import { findAttachment, insertAttachment } from '../store/attachments.ts';
import { toFlag, type VolumeRow } from '../store/schema.ts';
import { findSnapshots } from '../store/snapshots.ts';
import type { Queries } from '../store/store.ts';
import { changeVolume, findVolumes, insertVolume, listAllVolumes } from '../store/volumes.ts';
import type { App } from './app.ts';
import type { Caller, Change } from './change.ts';
import { invalidValue, missingParameter, notFound, refuse } from './refusals.ts';
import { checkBackendRoom, findBackend } from './volume-backends.ts';
import { viewSnapshotState, viewVolumeState } from './volume-view.ts';

export interface VolumeWish {
  sizeGib: number | undefined;
  snapshotId: SnapshotId | undefined;
  volumeType: string;
}

/** A data volume that a launch asks for. */
export interface VolumeMapping extends VolumeWish {
  deviceName: string;
  deleteOnTermination: boolean;
}

/** Sizes in GiB that EC2 takes for each type (EBS User Guide, "Amazon EBS volume types"). */
const VOLUME_TYPES: Readonly<Record<string, readonly [min: number, max: number]>> = {
  standard: [1, 1024],
  gp2: [1, 16384],
  gp3: [1, 16384],
  st1: [125, 16384],
  sc1: [125, 16384],
};
export const DEFAULT_VOLUME_TYPE = 'gp2';

export function checkVolumeType(name: string): string {
  if (Object.hasOwn(VOLUME_TYPES, name)) return name;
  throw invalidValue(
    'VolumeType',
    name,
    `This cloud offers ${Object.keys(VOLUME_TYPES).join(', ')}; provisioned IOPS are not offered.`,
  );
}

export interface NewVolume extends VolumeWish {
  zone: string;
  backend: BackendName;
  storage: StorageReport | undefined;
}

export async function makeVolume(
  app: App,
  { accountId }: Caller,
  change: Change,
  wish: NewVolume,
): Promise<VolumeId> {
  const { tx, nowMs, touched } = change;
  const sizeGib = await chooseSize(tx, accountId, wish);
  if (wish.backend === 'file') await checkRoom(tx, sizeGib, wish.storage);
  else checkBackendRoom(wish.backend, sizeGib, wish.storage);
  const id = newId(app.random, 'vol');
  await insertVolume(tx, {
    id,
    accountId,
    zone: wish.zone,
    sizeGib,
    volumeType: wish.volumeType,
    snapshotId: wish.snapshotId ?? null,
    createdAt: nowMs,
    generation: 1,
    desired: 'present',
    observedGeneration: 0,
    observedProgress: 0,
  });
  touched.volumes.add(id);
  return id;
}

async function chooseSize(tx: Queries, accountId: string, wish: VolumeWish): Promise<number> {
  const least = wish.snapshotId === undefined ? 0 : await getSnapshotSize(tx, accountId, wish);
  const sizeGib = wish.sizeGib ?? least;
  if (sizeGib === 0) throw missingParameter('size/snapshot');
  if (sizeGib < least) {
    throw invalidValue('Size', sizeGib, `The snapshot needs at least ${least} GiB.`);
  }
  const [min, max] = VOLUME_TYPES[wish.volumeType]!;
  if (sizeGib < min || sizeGib > max) {
    throw invalidValue('Size', sizeGib, `A ${wish.volumeType} volume has ${min} to ${max} GiB.`);
  }
  return sizeGib;
}

async function getSnapshotSize(tx: Queries, accountId: string, wish: VolumeWish): Promise<number> {
  const id = wish.snapshotId!;
  const [snapshot] = await findSnapshots(tx, accountId, [id]);
  if (snapshot === undefined || snapshot.desired === 'absent') {
    throw notFound('snapshot', 'snapshot', [id]);
  }
  if (viewSnapshotState(snapshot) === 'completed') return snapshot.volumeSizeGib;
  throw refuse('incorrect-state', 'snapshot', `Snapshot '${id}' is not 'completed'.`);
}

/** What the storage says is free, less what it has not been told of yet. */
async function checkRoom(
  tx: Queries,
  sizeGib: number,
  storage: StorageReport | undefined,
): Promise<void> {
  if (storage === undefined) throw new Error('a new volume needs the storage report');
  const known = new Set(storage.volumes.map((volume) => volume.id));
  let promised = 0;
  for (const volume of await listAllVolumes(tx)) {
    if (volume.desired !== 'present' || known.has(volume.id)) continue;
    const backend = (await findBackend(tx, volume.id)) ?? 'file';
    if (backend === 'file') promised += volume.sizeGib * GIB;
  }
  const free = Math.max(0, storage.freeBytes - promised);
  if (sizeGib * GIB <= free) return;
  throw refuse(
    'insufficient-capacity',
    'volume',
    `The zone has ${renderBytes(free)} free for volumes; this one needs ${sizeGib} GiB.`,
  );
}

/** A volume that belongs to an instance from its birth. */
export async function makeAttachedVolume(
  app: App,
  caller: Caller,
  change: Change,
  wish: {
    instanceId: InstanceId;
    zone: string;
    mapping: VolumeMapping;
    backend: BackendName;
    storage: StorageReport | undefined;
  },
): Promise<VolumeId> {
  const { instanceId, mapping } = wish;
  const volumeId = await makeVolume(app, caller, change, { ...wish, ...mapping });
  await insertAttachment(change.tx, {
    volumeId,
    accountId: caller.accountId,
    instanceId,
    deviceName: mapping.deviceName,
    deleteOnTermination: toFlag(mapping.deleteOnTermination),
    desired: 'attached',
    force: 0,
    observed: 'attaching',
    createdAt: change.nowMs,
  });
  return volumeId;
}

export async function getVolume(
  tx: Queries,
  { accountId }: Caller,
  id: VolumeId,
): Promise<VolumeRow> {
  const [volume] = await findVolumes(tx, accountId, [id]);
  if (volume === undefined) throw notFound('volume', 'volume', [id]);
  return volume;
}

/** Lets a volume go that nobody has attached. Asking again while it goes changes nothing. */
export async function removeVolume(caller: Caller, change: Change, id: VolumeId): Promise<void> {
  const { tx, touched } = change;
  const volume = await getVolume(tx, caller, id);
  const attachment = await findAttachment(tx, id);
  if (attachment !== undefined) {
    throw refuse(
      'in-use',
      'volume',
      `Volume ${id} is currently attached to ${attachment.instanceId}. Detach it first.`,
    );
  }
  const state = viewVolumeState(volume, undefined);
  if (state === 'deleting') return;
  if (state === 'creating') {
    throw refuse('incorrect-state', 'volume', `Volume ${id} is still being created.`);
  }
  await changeVolume(tx, id, { desired: 'absent', desiredExportTo: null });
  touched.volumes.add(id);
}
