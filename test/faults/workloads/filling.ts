// Owns the workload of volumes that fill: each is made from a snapshot in Walrus on the same disk and written to before
// its bytes have come. What was flushed is there after a cut, and all else is as the snapshot has it, encrypted or not.

import assert from 'node:assert/strict';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { AccountId, SnapshotId, VolumeId } from '@ironbark/core/ids.ts';
import type { Objects } from '@ironbark/objects/main.ts';
import { systemClock, waitFor } from '@ironbark/platform/clock.ts';
import type { ObjectsClient } from '@ironbark/protocol/internal/objects-client.ts';
import type { VolumeStorageObservation } from '@ironbark/protocol/internal/storage-client.ts';
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
  WAITS_SECONDS,
} from './volumes.ts';
import type { OpenWorkload, WorkloadInput } from './workload.ts';

const ACCOUNT: AccountId = '000000000001';
const SOURCE: SnapshotId = 'snap-00000000000000001';
const SECTOR_BYTES = 512;
/** The first half of the snapshot has one pattern, which no write has. The rest is zeros, which are filled otherwise. */
const SOURCE_PATTERN = 255;
const SOURCE_BYTES = VOLUME_BYTES / 2;
const MAX_RUN = 24;
const MAX_WRITES_A_FLUSH = 4;
/** Batches to one volume before the next is made: some of them while it fills, some after that. */
const BATCHES = 12;
/** So that the power goes while blocks are still to come. */
const BLOCK_DELAY_MS = 200;

const FILL_TIMEOUT_MS = 30_000;

/** What the volumes are that are made from the snapshot. */
interface Kind {
  encryptedFor?: AccountId;
}

interface Parts {
  objects: Objects;
  storage: Storage;
  input: WorkloadInput;
  kind: Kind;
}

export function openFilling(input: WorkloadInput): Promise<OpenWorkload> {
  return openFillingOf(input, {});
}

export function openSealedFilling(input: WorkloadInput): Promise<OpenWorkload> {
  return openFillingOf(input, { encryptedFor: ACCOUNT });
}

async function openFillingOf(input: WorkloadInput, kind: Kind): Promise<OpenWorkload> {
  const objects = await openWalrus(input.folder);
  await objects.client.ensureBucket(SNAPSHOT_BUCKET);
  const storage = await openStorage(input.folder, slowly(objects.client));
  await ensureSource(storage);
  const parts = { objects, storage, input, kind };
  return {
    read: () => readCopies(parts),
    findFaults: async () => [
      ...(await findLeftovers(objects, input.folder)),
      ...(await findStrayMaps(parts)),
    ],
    write: async () => {
      for (let n = 0; ; n++) await fillOne(parts, n);
    },
    script: () => fillOne(parts, 0),
    halt: () => storage.halt(),
  };
}

function slowly(objects: ObjectsClient): ObjectsClient {
  return {
    ...objects,
    getObject: async (request) => {
      if (request.key.startsWith('blocks/')) await systemClock.sleep(BLOCK_DELAY_MS);
      return await objects.getObject(request);
    },
  };
}

/** Before anything is promised; a cut in the middle of it has it begun again. */
async function ensureSource(storage: Storage): Promise<void> {
  const { snapshots } = await storage.client.getReport();
  if (snapshots.some(({ id, state }) => id === SOURCE && state === 'completed')) return;
  const qemuIo = new QemuIo(exportUri(await ensureExported(storage)));
  await qemuIo.write(0, SOURCE_BYTES, SOURCE_PATTERN);
  await qemuIo.flush();
  qemuIo.end();
  const kind = { generation: 1, desired: 'present', volumeId: volumeId(1) } as const;
  const intent = { ...kind, id: SOURCE, volumeSizeBytes: VOLUME_BYTES, accountId: ACCOUNT };
  await storage.client.putIntents({ volumes: [], snapshots: [intent] });
  await untilSnapshot(storage, SOURCE, 'completed');
}

/** Makes a volume, writes to it while it fills and after, and removes those before it. */
async function fillOne(parts: Parts, n: number): Promise<void> {
  const { storage, input } = parts;
  const id = volumeId(input.session * 1000 + n + 2);
  const held = Object.keys(await readFilledCopies(parts));
  await input.promise(Object.fromEntries(held.map((key) => [key, null])), async () => {
    for (const old of await listCopies(storage)) await reach(parts, old.id, 'absent');
  });
  await input.promise({ [id]: 'ready' }, () => reach(parts, id, 'present'));
  const uri = exportUri(await reach(parts, id, 'present'));
  const qemuIo = new QemuIo(uri, { waitsSeconds: WAITS_SECONDS });
  for (let batch = 0; batch < BATCHES; batch++) await writeBatch(qemuIo, input, id, batch);
  qemuIo.end();
}

function reach(
  { storage, kind }: Pick<Parts, 'storage' | 'kind'>,
  id: VolumeId,
  desired: 'present' | 'absent',
): Promise<VolumeStorageObservation> {
  const volume = { ...kind, id, desired, sizeBytes: VOLUME_BYTES, fromSnapshotId: SOURCE };
  if (desired === 'absent') return reachVolume(storage, { ...volume, generation: 2 });
  return reachVolume(storage, { ...volume, generation: 1, exportTo: 'node-power' });
}

async function listCopies(storage: Storage): Promise<VolumeStorageObservation[]> {
  const { volumes } = await storage.client.getReport();
  return volumes.filter(({ id, state }) => id !== volumeId(1) && state !== 'absent');
}

async function writeBatch(
  qemuIo: QemuIo,
  { random, promise }: WorkloadInput,
  id: VolumeId,
  batch: number,
): Promise<void> {
  const sectors = VOLUME_BYTES / SECTOR_BYTES;
  const pattern = 1 + (batch % (SOURCE_PATTERN - 1));
  const runs = Array.from({ length: 1 + Math.floor(random.fraction() * MAX_WRITES_A_FLUSH) });
  const places = runs.map(() => {
    const length = 1 + Math.floor(random.fraction() * MAX_RUN);
    return { length, first: Math.floor(random.fraction() * (sectors - length)) };
  });
  const keys = places.flatMap(({ first, length }) =>
    Array.from({ length }, (_, at) => [`${id} sector ${first + at}`, String(pattern)] as const),
  );
  await promise(Object.fromEntries(keys), async () => {
    for (const { first, length } of places) {
      await qemuIo.write(first * SECTOR_BYTES, length * SECTOR_BYTES, pattern);
    }
    await qemuIo.flush();
  });
}

async function readCopies(parts: Parts): Promise<Record<string, Value>> {
  const values: Record<string, Value> = {};
  for (const copy of await listCopies(parts.storage)) {
    values[copy.id] = copy.state;
    if (copy.state !== 'ready') continue;
    // Reached before the cut or not: it is told again what it is to be.
    const bytes = await readVolume(await reach(parts, copy.id, 'present'), VOLUME_BYTES);
    Object.assign(values, readSectors(copy.id, bytes));
  }
  return values;
}

/** That the rest has come changes nothing of what they were read as. */
async function readFilledCopies(parts: Parts): Promise<Record<string, Value>> {
  const before = await readCopies(parts);
  await untilFilled(parts.input.folder);
  assert.deepEqual(await readCopies(parts), before);
  return before;
}

/** No volume has a map any more. */
export async function untilFilled(folder: string): Promise<void> {
  const maps = join(folder, 's/filling');
  const areFilled = async () => (await readdir(maps)).length === 0;
  await waitFor(areFilled, { clock: systemClock, timeoutMs: FILL_TIMEOUT_MS, what: 'the fill' });
}

function readSectors(id: VolumeId, bytes: Buffer): Record<string, Value> {
  const values: Record<string, Value> = {};
  for (let at = 0; at < bytes.length; at += SECTOR_BYTES) {
    const content = bytes.subarray(at, at + SECTOR_BYTES);
    const pattern = content[0]!;
    const isTorn = !content.every((byte) => byte === pattern);
    if (!isTorn && pattern === (at < SOURCE_BYTES ? SOURCE_PATTERN : 0)) continue;
    values[`${id} sector ${at / SECTOR_BYTES}`] = isTorn ? 'torn' : String(pattern);
  }
  return values;
}

/** A map is there as long as its volume lacks something. */
async function findStrayMaps({ storage, input }: Parts): Promise<string[]> {
  const copies = new Set((await listCopies(storage)).map(({ id }) => `${id}.qcow2`));
  const names = await readdir(join(input.folder, 's/filling'));
  return names.filter((name) => !copies.has(name)).map((name) => `stray map ${name}`);
}
