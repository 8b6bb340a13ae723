// Owns the workload of volumes: qemu-io writes to one through its storage daemon, and what it has flushed counts;
// others are made, grown and removed meanwhile.

import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { AccountId, VolumeId } from '@ironbark/core/ids.ts';
import { MIB } from '@ironbark/core/units.ts';
import { systemClock, waitFor } from '@ironbark/platform/clock.ts';
import { systemCommands } from '@ironbark/platform/commands.ts';
import { systemRandom } from '@ironbark/platform/random.ts';
import type { ObjectsClient } from '@ironbark/protocol/internal/objects-client.ts';
import type {
  SnapshotStorageObservation,
  StorageVolumeIntent,
  VolumeStorageObservation,
} from '@ironbark/protocol/internal/storage-client.ts';
import { MemoryObjects } from '@ironbark/protocol/internal/testing/memory-objects.ts';
import { openNbdReader } from '@ironbark/storage/drivers/nbd-reader.ts';
import { type Storage, startStorage } from '@ironbark/storage/main.ts';
import { silent } from './objects.ts';
import type { Value } from './promises.ts';
import { QemuIo } from './qemu-io.ts';
import { type OpenWorkload, someOf, type WorkloadInput } from './workload.ts';

const TIMEOUT_MS = 30_000;
/** Asking more often keeps the process from doing what is waited for. */
const POLL_MS = 8;
const NODE = 'node-power';
const SECTOR_BYTES = 512;
/** All of a volume that is written to, so that sectors are overwritten often. */
const SECTORS = 512;
/** More than a chunk of a snapshot. */
export const VOLUME_BYTES = 5 * MIB;
const MAX_RUN = 24;
/** An export is closed for a moment when its volume has been filled. */
export const WAITS_SECONDS = 10;
const WRITERS = 2;
const MAX_WRITES_A_FLUSH = 4;

/** A volume as who writes to it has it: what was written before a flush that is over counts. */
export interface WrittenDisk {
  write(offset: number, length: number, pattern: number): Promise<void>;
  flush(): Promise<void>;
}

/** What all volumes of the workload are. */
export interface VolumeKind {
  encryptedFor?: AccountId;
  /** Before the volume's bytes, on the disk. */
  headerBytes: number;
  /** Called once by each process that writes; absent: over NBD, by qemu-io. */
  reach?(seen: VolumeStorageObservation): Promise<WrittenDisk>;
}

export function openVolumes(input: WorkloadInput): Promise<OpenWorkload> {
  return openVolumesOf(input, { headerBytes: 0 });
}

export async function openVolumesOf(
  input: WorkloadInput,
  { headerBytes, reach, ...kind }: VolumeKind,
): Promise<OpenWorkload> {
  const storage = await openStorage(input.folder, new MemoryObjects());
  const written = await ensureExported(storage, kind);
  const shared = await reach?.(written);
  const open = () => shared ?? new QemuIo(exportUri(written), { waitsSeconds: WAITS_SECONDS });
  return {
    read: async () => ({
      ...(await readSectors(written)),
      ...(await readSizes(storage, input.folder, headerBytes)),
    }),
    findFaults: () => findStrayFiles(storage, input.folder),
    write: async () => {
      const writers = Array.from(
        { length: WRITERS },
        (_, n) => () => writeSectors(open(), input, n),
      );
      return await someOf(input.random, [...writers, () => changeVolumes(storage, input, kind)]);
    },
    script: async () => {
      await writeBatch(open(), input, 0, 0);
      for (const n of [0, 1]) await changeVolume(storage, input, { n, ...kind });
    },
    halt: () => storage.halt(),
  };
}

/** Comes back once nothing is under way. */
export async function openStorage(folder: string, objects: ObjectsClient): Promise<Storage> {
  const storage = await startStorage({
    dataDir: join(folder, 's'),
    objects,
    clock: systemClock,
    random: systemRandom,
    logger: silent,
    commands: systemCommands,
  });
  await until('a quiet Storage Controller', () => storage.isQuiet());
  return storage;
}

function until<T>(what: string, probe: () => Promise<T | undefined | false> | T): Promise<T> {
  const options = { clock: systemClock, timeoutMs: TIMEOUT_MS, intervalMs: POLL_MS, what };
  return waitFor(probe, options) as Promise<T>;
}

export function volumeId(number: number): VolumeId {
  return `vol-${String(number).padStart(17, '0')}`;
}

/** Puts an intent and waits until it is reached. */
export async function reachVolume(
  storage: Storage,
  intent: StorageVolumeIntent,
): Promise<VolumeStorageObservation> {
  await storage.client.putIntents({ volumes: [intent], snapshots: [] });
  return await until(`${intent.id} ${intent.desired}`, async () => {
    const { volumes } = await storage.client.getReport();
    const seen = volumes.find((each) => each.id === intent.id);
    if (seen?.state === 'failed') throw new Error(seen.reason);
    return seen !== undefined && seen.generation >= intent.generation && seen;
  });
}

export async function untilSnapshot(
  storage: Storage,
  id: string,
  state: SnapshotStorageObservation['state'],
): Promise<void> {
  await until(`${id} ${state}`, async () => {
    const { snapshots } = await storage.client.getReport();
    const seen = snapshots.find((each) => each.id === id);
    if (seen?.state === 'failed') throw new Error(seen.reason);
    return seen?.state === state;
  });
}

/** The volume that is written to; exported since it was made, so that nothing is left to reach. */
export function ensureExported(
  storage: Storage,
  kind: Pick<VolumeKind, 'encryptedFor'> = {},
): Promise<VolumeStorageObservation> {
  const intent = { ...kind, generation: 1, desired: 'present', sizeBytes: VOLUME_BYTES } as const;
  return reachVolume(storage, { id: volumeId(1), ...intent, exportTo: NODE });
}

export function exportUri(seen: VolumeStorageObservation): string {
  if (seen.export?.kind !== 'nbd-unix') throw new Error(`${seen.id} is not exported`);
  return `nbd+unix:///${seen.export.exportName}?socket=${seen.export.socketPath}`;
}

export async function readVolume(seen: VolumeStorageObservation, length: number): Promise<Buffer> {
  if (seen.export?.kind !== 'nbd-unix') throw new Error(`${seen.id} is not exported`);
  const { socketPath, exportName } = seen.export;
  const readOnce = async () => {
    await using reader = await openNbdReader({ socketPath, exportName, clock: systemClock });
    return await reader.read(0, length);
  };
  // One that is cut off comes again, as a guest does, until the export is back.
  const timing = { clock: systemClock, timeoutMs: TIMEOUT_MS, intervalMs: 20 };
  const attempt = () => readOnce().catch(() => undefined);
  return await waitFor(attempt, { ...timing, what: `${exportName} to be read` });
}

async function readSectors(seen: VolumeStorageObservation): Promise<Record<string, Value>> {
  const bytes = await readVolume(seen, SECTORS * SECTOR_BYTES);
  const values: Record<string, Value> = {};
  for (let sector = 0; sector < SECTORS; sector++) {
    const content = bytes.subarray(sector * SECTOR_BYTES, (sector + 1) * SECTOR_BYTES);
    const pattern = content[0]!;
    if (!content.every((byte) => byte === pattern)) values[`sector ${sector}`] = 'torn';
    else if (pattern !== 0) values[`sector ${sector}`] = String(pattern);
  }
  return values;
}

/** What is ready, with its size on the disk. */
async function readSizes(
  storage: Storage,
  folder: string,
  headerBytes: number,
): Promise<Record<string, Value>> {
  const { volumes } = await storage.client.getReport();
  const values: Record<string, Value> = {};
  for (const { id, state } of volumes) {
    if (state === 'absent') continue;
    const path = join(folder, 's/volumes', `${id}.raw`);
    values[id] = state === 'ready' ? String((await stat(path)).size - headerBytes) : state;
  }
  // Made before anything is promised.
  delete values[volumeId(1)];
  return values;
}

async function findStrayFiles(storage: Storage, folder: string): Promise<string[]> {
  const { volumes } = await storage.client.getReport();
  const known = volumes.filter(({ state }) => state !== 'absent').map(({ id }) => `${id}.raw`);
  const names = await readdir(join(folder, 's/volumes'));
  // The socket of sources, which every start makes anew.
  const files = names.filter((name) => name !== '.sources');
  return files.filter((name) => !known.includes(name)).map((name) => `stray file ${name}`);
}

async function writeSectors(
  disk: WrittenDisk,
  input: WorkloadInput,
  writer: number,
): Promise<never> {
  for (let n = 0; ; n++) await writeBatch(disk, input, writer, n);
}

/** A write may be found as soon as it is under way; it has to be found once it is flushed. */
async function writeBatch(
  disk: WrittenDisk,
  { random, promise }: WorkloadInput,
  writer: number,
  n: number,
): Promise<void> {
  const share = SECTORS / WRITERS;
  const pattern = String(1 + ((n * 7 + writer) % 255));
  const runs = Array.from({ length: 1 + Math.floor(random.fraction() * MAX_WRITES_A_FLUSH) });
  const places = runs.map(() => {
    const length = 1 + Math.floor(random.fraction() * MAX_RUN);
    return { length, first: writer * share + Math.floor(random.fraction() * (share - length)) };
  });
  const sectors = places.flatMap(({ first, length }) =>
    Array.from({ length }, (_, at) => [`sector ${first + at}`, pattern] as const),
  );
  await promise(Object.fromEntries(sectors), async () => {
    for (const { first, length } of places) {
      await disk.write(first * SECTOR_BYTES, length * SECTOR_BYTES, Number(pattern));
    }
    await disk.flush();
  });
}

async function changeVolumes(
  storage: Storage,
  input: WorkloadInput,
  kind: Pick<VolumeKind, 'encryptedFor'>,
): Promise<never> {
  for (let n = 0; ; n++) await changeVolume(storage, input, { n, ...kind });
}

/** Makes one and grows it. Each process numbers its own, so that no volume comes twice. */
async function changeVolume(
  storage: Storage,
  { random, session, promise }: WorkloadInput,
  { n, ...kind }: Pick<VolumeKind, 'encryptedFor'> & { n: number },
): Promise<void> {
  const id = volumeId(session * 1000 + n);
  const sizes = [1, 2].map((most) => most * MIB * (1 + Math.floor(random.fraction() * 4)));
  const [small, large] = sizes.sort((a, b) => a - b) as [number, number];
  const present = { ...kind, id, desired: 'present' } as const;
  const reach = (intent: StorageVolumeIntent) => () => reachVolume(storage, intent);
  await promise({ [id]: `${small}` }, reach({ ...present, generation: 1, sizeBytes: small }));
  await promise({ [id]: `${large}` }, reach({ ...present, generation: 2, sizeBytes: large }));
  // Half of them stay for a while: the next process finds them.
  const absent = { id, desired: 'absent', generation: 3, sizeBytes: large } as const;
  if (n % 2 === 0) await promise({ [id]: null }, reach(absent));
}
