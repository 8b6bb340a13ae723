// Owns the rules of volumes: how large, of what kind, from which snapshot, and when one may go.

import type { AccountId, InstanceId, SnapshotId, VolumeId } from '@ironbark/core/ids.ts';
import { GIB, renderBytes } from '@ironbark/core/units.ts';
import { newId } from '@ironbark/platform/random.ts';
import type { BackendName } from '@ironbark/protocol/internal/staged-backend.ts';
import type { StorageReport } from '@ironbark/protocol/internal/storage-client.ts';
import { insertAttachment, listAttachmentsOfVolume } from '../store/attachments.ts';
import { toFlag, type VolumeRow } from '../store/schema.ts';
import { findSnapshot } from '../store/snapshots.ts';
import type { Queries } from '../store/store.ts';
import { changeVolume, findVolumes, insertVolume, listAllVolumes } from '../store/volumes.ts';
import type { App } from './app.ts';
import type { AttachWay } from './attach-modes.ts';
import type { Caller, Change } from './change.ts';
import { chooseEncryption, type EncryptionWish } from './encryption.ts';
import { GIB_OF_TIB, QUOTAS, STORAGE_QUOTAS } from './quotas/catalogue.ts';
import { requireWithin } from './quotas/limits.ts';
import { invalidValue, missingParameter, notFound, refuse } from './refusals.ts';
import { getRestorable } from './snapshot-access.ts';
import { checkBackendRoom, findBackend } from './volume-backends.ts';
import { chooseShape, type RateWish } from './volume-shape.ts';
import { viewSnapshotState, viewVolumeState } from './volume-view.ts';

export interface VolumeWish extends RateWish, EncryptionWish {
  sizeGib: number | undefined;
  snapshotId: SnapshotId | undefined;
  /** Whose the snapshot is: who may launch an image needs no right to its snapshots. */
  lender?: AccountId;
}

/** A data volume that a launch asks for. */
export interface VolumeMapping extends VolumeWish {
  deviceName: string;
  deleteOnTermination: boolean;
}

export interface NewVolume extends VolumeWish {
  zone: string;
  backend: BackendName;
  storage: StorageReport | undefined;
  /** Of one that is made with an instance. */
  deviceName?: string;
}

export async function makeVolume(
  app: App,
  { accountId }: Caller,
  change: Change,
  wish: NewVolume,
): Promise<VolumeId> {
  const { tx, nowMs, touched } = change;
  const shape = chooseShape({ ...wish, sizeGib: await chooseSize(tx, accountId, wish) });
  const source = wish.snapshotId && (await findSnapshot(tx, wish.snapshotId));
  const isSourceEncrypted = source !== undefined && source.encrypted === 1;
  const choice = { ...wish, isSourceEncrypted };
  const encrypted = toFlag(await chooseEncryption(app, tx, accountId, choice));
  if (wish.backend === 'file') await checkRoom(tx, shape.sizeGib, wish.storage);
  else checkBackendRoom(wish.backend, shape.sizeGib, wish.storage);
  await requireVolumeQuotas(tx, accountId, shape);
  const id = newId(app.random, 'vol');
  await insertVolume(tx, {
    id,
    accountId,
    zone: wish.zone,
    ...shape,
    encrypted,
    offeredSizeGib: null,
    awaySince: null,
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

async function requireVolumeQuotas(
  tx: Queries,
  accountId: AccountId,
  { volumeType, sizeGib }: Pick<VolumeRow, 'volumeType' | 'sizeGib'>,
): Promise<void> {
  await requireWithin(tx, accountId, QUOTAS.volumes);
  await requireWithin(tx, accountId, STORAGE_QUOTAS[volumeType], sizeGib / GIB_OF_TIB);
}

async function chooseSize(tx: Queries, accountId: string, wish: NewVolume): Promise<number> {
  const least = wish.snapshotId === undefined ? 0 : await getSnapshotSize(tx, accountId, wish);
  const sizeGib = wish.sizeGib ?? least;
  if (sizeGib === 0) throw missingParameter('size or snapshotId');
  if (sizeGib < least) {
    if (wish.deviceName !== undefined) throw tooSmall(wish, sizeGib, least);
    throw invalidValue('Size', sizeGib, `The snapshot needs at least ${least} GiB.`);
  }
  return sizeGib;
}

function tooSmall({ snapshotId }: VolumeWish, sizeGib: number, least: number): Error {
  return refuse(
    'invalid-parameter',
    'block-device-mapping',
    `Volume of size ${sizeGib}GB is smaller than snapshot '${snapshotId}', expect size >= ${least}GB`,
  );
}

async function getSnapshotSize(tx: Queries, accountId: string, wish: VolumeWish): Promise<number> {
  const id = wish.snapshotId!;
  const snapshot = await getRestorable(tx, { accountId: wish.lender ?? accountId }, id);
  if (viewSnapshotState(snapshot) === 'completed') return snapshot.volumeSizeGib;
  throw refuse('incorrect-state', 'snapshot', `Snapshot '${id}' is not 'completed'.`);
}

/** What the storage says is free, less what it has not been told of yet. */
export async function checkRoom(
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
    way: AttachWay;
    storage: StorageReport | undefined;
  },
): Promise<VolumeId> {
  const { instanceId, mapping, way } = wish;
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
    ...way,
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
  const attachments = await listAttachmentsOfVolume(tx, id);
  if (attachments.length > 0) {
    const holders = attachments.map(({ instanceId }) => instanceId).join(', ');
    throw refuse('in-use', 'volume', `Volume ${id} is currently attached to ${holders}`);
  }
  const state = viewVolumeState(volume, undefined);
  if (state === 'deleting') return;
  if (state === 'creating') {
    throw refuse('incorrect-state', 'volume', `Volume ${id} is still being created.`);
  }
  await changeVolume(tx, id, { desired: 'absent', desiredExportTo: null });
  touched.volumes.add(id);
}
