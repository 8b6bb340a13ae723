// Owns the rules of snapshots: taken of one volume or of several at one moment, copied, removed.

import type { InstanceId, SnapshotId, VolumeId } from '@ironbark/core/ids.ts';
import { newId } from '@ironbark/platform/random.ts';
import type { ImageBlob } from '@ironbark/protocol/internal/instance-messages.ts';
import type { Insertable } from 'kysely';
import { listAttachmentsOf, listAttachmentsOfVolume } from '../store/attachments.ts';
import { type SnapshotRow, type SnapshotTable, toFlag, type VolumeRow } from '../store/schema.ts';
import { findSnapshot, findSnapshots, insertSnapshot, updateSnapshot } from '../store/snapshots.ts';
import type { Queries } from '../store/store.ts';
import type { App } from './app.ts';
import type { Caller, Change } from './change.ts';
import { chooseEncryption, type EncryptionWish } from './encryption.ts';
import { findImageOf } from './images.ts';
import { getInstance, isRootOf } from './instances.ts';
import { QUOTAS } from './quotas/catalogue.ts';
import { requireWithin } from './quotas/limits.ts';
import { notFound, refuse } from './refusals.ts';
import { getRestorable } from './snapshot-access.ts';
import { requireUnlocked } from './snapshot-lock.ts';
import { viewSnapshotState, viewVolumeState } from './volume-view.ts';
import { getVolume } from './volumes.ts';

export async function takeSnapshot(
  app: App,
  caller: Caller,
  change: Change,
  wanted: { volumeId: VolumeId; description: string },
): Promise<SnapshotRow> {
  const volume = await getVolumeToSnap(change.tx, caller, wanted.volumeId);
  const id = newId(app.random, 'snap');
  return addSnapshot(caller, change, { id, ...takenOf(volume), description: wanted.description });
}

export interface SetWish {
  instanceId: InstanceId;
  description: string;
  exclude: readonly VolumeId[];
  /** Of an instance whose root disk is a volume. */
  excludeRoot?: boolean;
}

/** Snapshots of an instance's volumes, all of the same moment; of its root disk too where that is a volume. */
export async function takeSnapshots(
  app: App,
  caller: Caller,
  change: Change,
  wish: SetWish,
): Promise<SnapshotRow[]> {
  const volumes = await listVolumesToSnap(change.tx, caller, wish);
  const ids = volumes.map(() => newId(app.random, 'snap'));
  const rows: SnapshotRow[] = [];
  for (const [at, volume] of volumes.entries()) {
    const { description } = wish;
    const together = ids.length > 1 ? JSON.stringify(ids) : null;
    const row = { id: ids[at]!, ...takenOf(volume), description, together };
    rows.push(await addSnapshot(caller, change, row));
  }
  return rows;
}

async function listVolumesToSnap(
  tx: Queries,
  caller: Caller,
  { instanceId, exclude, excludeRoot = false }: SetWish,
): Promise<VolumeRow[]> {
  const instance = await getInstance(tx, caller, instanceId);
  const attachments = (await listAttachmentsOf(tx, instanceId)).filter(
    (attachment) => !(excludeRoot && isRootOf(instance, attachment)),
  );
  const attached = attachments.map(({ volumeId }) => volumeId).sort();
  const strange = exclude.filter((id) => !attached.includes(id));
  if (strange.length > 0) throw notFound('volume', 'volume', strange);
  const wanted = attached.filter((id) => !exclude.includes(id));
  if (wanted.length === 0) {
    throw refuse(
      'incorrect-state',
      'snapshot',
      `Instance '${instanceId}' has no EBS volume that is not excluded; its root device is ${ROOTS[instance.rootDeviceType]}.`,
    );
  }
  return Promise.all(wanted.map((id) => getVolumeToSnap(tx, caller, id)));
}

const ROOTS = { 'instance-store': 'an instance store', ebs: 'excluded' } as const;

async function getVolumeToSnap(tx: Queries, caller: Caller, id: VolumeId): Promise<VolumeRow> {
  const volume = await getVolume(tx, caller, id);
  const [attachment] = await listAttachmentsOfVolume(tx, volume.id);
  const state = viewVolumeState(volume, attachment);
  if (volume.observedState === 'ready' && state !== 'deleting') return volume;
  throw refuse(
    'incorrect-state',
    'volume',
    `Volume '${volume.id}' is '${state}'; snapshots can be taken of volumes that are 'available' or 'in-use'.`,
  );
}

function takenOf({ id, sizeGib, encrypted }: VolumeRow) {
  return { volumeId: id, volumeSizeGib: sizeGib, encrypted };
}

/** What has to be known of a snapshot from the start, and whatever else is known. */
type NewSnapshot = Partial<Insertable<SnapshotTable>> &
  Pick<Insertable<SnapshotTable>, 'id' | 'volumeId' | 'volumeSizeGib' | 'description'>;

/** Wanted, and nothing of it seen yet unless `row` says so. */
export async function addSnapshot(
  { accountId }: Pick<Caller, 'accountId'>,
  { tx, nowMs, touched }: Change,
  row: NewSnapshot,
): Promise<SnapshotRow> {
  await requireWithin(tx, accountId, QUOTAS.snapshots);
  await insertSnapshot(tx, {
    accountId,
    createdAt: nowMs,
    generation: 1,
    desired: 'present',
    observedGeneration: 0,
    observedProgress: 0,
    storedBytes: 0,
    ...row,
  });
  touched.snapshots.add(row.id);
  return (await findSnapshot(tx, row.id))!;
}

/** As AWS has it of a copy: "an arbitrary volume ID that you should not use for any purpose". */
export const NO_VOLUME: VolumeId = 'vol-ffffffff';

/** A snapshot of its own with the same bytes: they are kept once, until the last that has them goes. */
export async function copySnapshot(
  app: App,
  caller: Caller,
  change: Change,
  wanted: EncryptionWish & { source: SnapshotId; description: string },
): Promise<SnapshotRow> {
  const { tx, nowMs } = change;
  const source = await getRestorable(tx, caller, wanted.source);
  if (viewSnapshotState(source) !== 'completed') {
    throw refuse('incorrect-state', 'snapshot', `Snapshot '${source.id}' is not 'completed'.`);
  }
  const isSourceEncrypted = source.encrypted === 1;
  const storage = await app.storage.getReport();
  const choice = { ...wanted, isSourceEncrypted, storage };
  const encrypted = toFlag(await chooseEncryption(app, tx, caller.accountId, choice));
  const id = newId(app.random, 'snap');
  const content = source.contentId ?? source.id;
  const isSameForm = encrypted === source.encrypted;
  return addSnapshot(caller, change, {
    id,
    volumeId: NO_VOLUME,
    volumeSizeGib: source.volumeSizeGib,
    description: wanted.description,
    encrypted,
    // The storage makes those in another form: blocks that are encrypted share nothing with plain ones.
    ...(isSameForm ? sameBytes(content, nowMs) : { copySourceId: content }),
  });
}

function sameBytes(contentId: SnapshotId, nowMs: number) {
  const done = {
    observedGeneration: 1,
    observedState: 'completed',
    observedProgress: 100,
  } as const;
  return { ...done, completedAt: nowMs, contentId };
}

/** A snapshot of what an object holds; the object has to stay until it is completed. */
export async function importSnapshot(
  app: App,
  caller: Caller,
  change: Change,
  wanted: { source: ImageBlob; sizeGib: number; description: string },
): Promise<SnapshotId> {
  const id = newId(app.random, 'snap');
  const { source, sizeGib, description } = wanted;
  await addSnapshot(caller, change, {
    id,
    volumeId: NO_VOLUME,
    volumeSizeGib: sizeGib,
    description,
    source: JSON.stringify(source),
  });
  return id;
}

export async function removeSnapshot(
  caller: Caller,
  { tx, nowMs, touched }: Change,
  id: SnapshotId,
): Promise<void> {
  const snapshot = await getOwnSnapshot(tx, caller, id);
  requireUnlocked(snapshot, nowMs);
  await requireNoImage(tx, caller, id);
  await updateSnapshot(tx, id, { desired: 'absent', generation: snapshot.generation + 1 });
  touched.snapshots.add(id);
}

async function requireNoImage(tx: Queries, caller: Caller, id: SnapshotId): Promise<void> {
  const image = await findImageOf(tx, caller.accountId, id);
  if (image === undefined) return;
  throw refuse('in-use', 'snapshot', `The snapshot ${id} is currently in use by ${image.id}`);
}

export async function getOwnSnapshot(
  tx: Queries,
  { accountId }: Pick<Caller, 'accountId'>,
  id: SnapshotId,
): Promise<SnapshotRow> {
  const [snapshot] = await findSnapshots(tx, accountId, [id]);
  if (snapshot?.desired === 'present') return snapshot;
  throw notFound('snapshot', 'snapshot', [id]);
}
