// Owns the workload of snapshots: the Storage Controller with Walrus on one disk. A snapshot that was reported
// completed has to restore to the bytes of its point in time, and one that was removed has to leave nothing.

import { createHash } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import type { SnapshotId } from '@ironbark/core/ids.ts';
import { MIB } from '@ironbark/core/units.ts';
import type { Objects } from '@ironbark/objects/main.ts';
import { SNAPSHOT_BUCKET } from '@ironbark/storage/app/snapshot-manifest.ts';
import type { Storage } from '@ironbark/storage/main.ts';
import { findLeftovers, openWalrus } from './objects.ts';
import type { Value } from './promises.ts';
import { QemuIo } from './qemu-io.ts';
import {
  ensureExported,
  exportUri,
  openStorage,
  reachVolume,
  readVolume,
  untilSnapshot,
  VOLUME_BYTES,
  volumeId,
} from './volumes.ts';
import type { OpenWorkload, WorkloadInput } from './workload.ts';

const MAX_WRITE_BYTES = MIB / 4;
const ACCOUNT = '000000000001';
/** So many are kept; each is restored after each cut. */
const KEPT = 1;
/** Numbers of the volumes that snapshots are restored to, clear of the others. */
const RESTORED = 1_000_000;

interface Parts {
  objects: Objects;
  storage: Storage;
  input: WorkloadInput;
}

export async function openSnapshots(input: WorkloadInput): Promise<OpenWorkload> {
  const objects = await openWalrus(input.folder);
  await objects.client.ensureBucket(SNAPSHOT_BUCKET);
  const parts = { objects, input, storage: await openStorage(input.folder, objects.client) };
  return {
    read: () => readSnapshots(parts),
    findFaults: async () => [
      ...(await findLeftovers(objects, input.folder)),
      ...(await findStrays(parts)),
    ],
    write: async () => {
      const take = await openSource(parts);
      for (let n = 0; ; n++) await take(n);
    },
    script: async () => {
      const take = await openSource(parts);
      for (const n of [0, 1]) await take(n);
    },
    halt: () => parts.storage.halt(),
  };
}

function snapshotId(number: number): SnapshotId {
  return `snap-${String(number).padStart(17, '0')}`;
}

/** Digests of what the completed ones restore to. One whose point in time the cut has ended is no promise. */
async function readSnapshots({ storage, input }: Parts): Promise<Record<string, Value>> {
  const { snapshots } = await storage.client.getReport();
  const values: Record<string, Value> = {};
  for (const [at, { id, state }] of snapshots.entries()) {
    if (state === 'pending' || state === 'deleting') values[id] = `still ${state}`;
    if (state === 'completed') values[id] = await restore(storage, id, input.session * 1000 + at);
  }
  return values;
}

async function restore(storage: Storage, id: SnapshotId, number: number): Promise<string> {
  const volume = { id: volumeId(RESTORED + number), sizeBytes: VOLUME_BYTES } as const;
  const intent = { ...volume, fromSnapshotId: id, exportTo: 'node-power' } as const;
  const seen = await reachVolume(storage, { ...intent, generation: 1, desired: 'present' });
  const digest = digestOf(await readVolume(seen, VOLUME_BYTES));
  await reachVolume(storage, { ...volume, generation: 2, desired: 'absent' });
  await storage.client.forget({ volumes: [volume.id], snapshots: [] });
  return digest;
}

function digestOf(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** Each object belongs to a completed snapshot or is known as a block, and nothing is put aside meanwhile. */
async function findStrays({ storage, objects, input }: Parts): Promise<string[]> {
  const { snapshots } = await storage.client.getReport();
  const completed = snapshots.filter(({ state }) => state === 'completed').map(({ id }) => id);
  const { blocks, unneeded } = readBlocks(input.folder);
  const listed = await objects.client.listObjects({ bucket: SNAPSHOT_BUCKET });
  const strays = listed.objects.filter(({ key }) =>
    key.startsWith('blocks/')
      ? !blocks.has(key.split('/').at(-1)!)
      : !completed.some((id) => key.includes(id)),
  );
  const aside = await readdir(join(input.folder, 's/overwritten'));
  return [
    ...strays.map(({ key }) => `object ${key} of no completed snapshot`),
    ...unneeded.map((sha256) => `block ${sha256} that nobody needs and nobody will remove`),
    ...aside.map((name) => `overwritten bytes ${name} of no snapshot under way`),
  ];
}

function readBlocks(folder: string): { blocks: Set<string>; unneeded: string[] } {
  using database = new DatabaseSync(join(folder, 's/storage.db'), { readOnly: true });
  const column = (query: string) =>
    database
      .prepare(query)
      .all()
      .map((row) => String(row['sha256']));
  return {
    blocks: new Set(column('SELECT sha256 FROM block')),
    unneeded: column(
      'SELECT sha256 FROM block WHERE condemned_at IS NULL AND sha256 NOT IN (SELECT sha256 FROM snapshot_block)',
    ),
  };
}

/** The volume that is written to; the answer takes its nth snapshot and removes old ones. */
async function openSource({ storage, input }: Parts): Promise<(n: number) => Promise<void>> {
  const { random, session, promise } = input;
  const volume = await ensureExported(storage);
  const qemuIo = new QemuIo(exportUri(volume));
  return async (n) => {
    const id = snapshotId(session * 1000 + n);
    const length = Math.ceil((random.fraction() * MAX_WRITE_BYTES) / 512) * 512;
    const offset = Math.floor((random.fraction() * (VOLUME_BYTES - length)) / 512) * 512;
    await qemuIo.write(offset, length, 1 + Math.floor(random.fraction() * 255));
    await qemuIo.flush();
    const digest = digestOf(await readVolume(volume, VOLUME_BYTES));
    await promise({ [id]: digest }, () => snapshot(storage, id, 'present'));
    for (const old of await listCompleted(storage)) {
      await promise({ [old]: null }, () => snapshot(storage, old, 'absent'));
    }
  };
}

/** All but the newest ones. */
async function listCompleted(storage: Storage): Promise<SnapshotId[]> {
  const { snapshots } = await storage.client.getReport();
  const completed = snapshots.filter(({ state }) => state === 'completed').map(({ id }) => id);
  return completed.sort().slice(0, -KEPT);
}

async function snapshot(
  storage: Storage,
  id: SnapshotId,
  desired: 'present' | 'absent',
): Promise<void> {
  const generation = desired === 'present' ? 1 : 2;
  const intent = {
    id,
    desired,
    generation,
    volumeId: volumeId(1),
    volumeSizeBytes: VOLUME_BYTES,
    accountId: ACCOUNT,
  };
  await storage.client.putIntents({ volumes: [], snapshots: [intent] });
  await untilSnapshot(storage, id, desired === 'present' ? 'completed' : 'absent');
}
