// Owns what the Storage Controller's tests share: a folder, a store of objects, restarts, and QEMU as client.

import { mkdtemp, open, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import type { AccountId, NodeId, SnapshotId, VolumeId } from '@ironbark/core/ids.ts';
import { MIB } from '@ironbark/core/units.ts';
import { type Clock, systemClock, waitFor } from '@ironbark/platform/clock.ts';
import { CommandError, systemCommands } from '@ironbark/platform/commands.ts';
import { writeFully } from '@ironbark/platform/files.ts';
import { createLogger } from '@ironbark/platform/logger.ts';
import { seededRandom } from '@ironbark/platform/random.ts';
import type {
  SnapshotStorageObservation,
  StorageSnapshotIntent,
  StorageVolumeIntent,
  VolumeStorageObservation,
} from '@ironbark/protocol/internal/storage-client.ts';
import { MemoryObjects } from '@ironbark/protocol/internal/testing/memory-objects.ts';
import { SOURCES_SOCKET } from '../drivers/daemon-arguments.ts';
import { type Storage, type StorageOptions, startStorage } from '../main.ts';

export const NODE: NodeId = 'node-a';
export const ACCOUNT: AccountId = '000000000001';
const TIMEOUT_MS = 20_000;
const LINES_SHOWN = 5;

export function volumeId(digit: number): VolumeId {
  return `vol-${String(digit).padStart(17, '0')}`;
}

export function snapshotId(digit: number): SnapshotId {
  return `snap-${String(digit).padStart(17, '0')}`;
}

export function volume(digit: number, changes: Partial<StorageVolumeIntent> = {}) {
  const id = volumeId(digit);
  return { id, generation: 1, desired: 'present' as const, sizeBytes: 16 * MIB, ...changes };
}

export function snapshot(digit: number, changes: Partial<StorageSnapshotIntent> = {}) {
  const base = { id: snapshotId(digit), generation: 1, desired: 'present' as const };
  return {
    ...base,
    volumeId: volumeId(1),
    volumeSizeBytes: 16 * MIB,
    accountId: ACCOUNT,
    ...changes,
  };
}

/** On which what is done later is done soon: waits are so many times shorter. */
export function hurriedClock(rate: number): Clock {
  const startMs = systemClock.nowMs();
  return {
    ...systemClock,
    nowMs: () => startMs + (systemClock.nowMs() - startMs) * rate,
    sleep: (ms, signal) => systemClock.sleep(ms / rate, signal),
  };
}

export class Harness implements AsyncDisposable {
  readonly root: string;
  readonly dataDir: string;
  readonly objects = new MemoryObjects();
  readonly #options: Partial<StorageOptions>;
  readonly #lines: string[] = [];
  readonly #logger = createLogger({
    write: (line) => this.#lines.push(line),
    nowMs: () => systemClock.nowMs(),
  });
  #storage: Storage | undefined;

  private constructor(root: string, options: Partial<StorageOptions>) {
    this.root = root;
    this.dataDir = options.dataDir ?? join(root, 's');
    this.#options = options;
  }

  static async start(options: Partial<StorageOptions> = {}): Promise<Harness> {
    const harness = new Harness(await mkdtemp(join(tmpdir(), 'ib-')), options);
    await harness.restart();
    return harness;
  }

  get storage(): Storage {
    return this.#storage!;
  }

  /** Ends the service, not its targets, and starts it on the same folder. */
  async restart(options: Partial<StorageOptions> = {}): Promise<void> {
    await this.#storage?.[Symbol.asyncDispose]();
    this.#storage = await startStorage({
      objects: this.objects,
      clock: systemClock,
      random: seededRandom(1),
      logger: this.#logger,
      commands: systemCommands,
      ...this.#options,
      ...options,
      dataDir: this.dataDir,
    });
  }

  /** Ends the service, not its targets. */
  async stop(): Promise<void> {
    await this.#storage?.[Symbol.asyncDispose]();
    this.#storage = undefined;
  }

  log(): string {
    return this.#lines.join('');
  }

  put(...intents: (StorageVolumeIntent | StorageSnapshotIntent)[]): Promise<void> {
    const isSnapshot = (each: object): each is StorageSnapshotIntent => 'volumeId' in each;
    return this.storage.client.putIntents({
      volumes: intents.filter((each) => !isSnapshot(each)) as StorageVolumeIntent[],
      snapshots: intents.filter(isSnapshot),
    });
  }

  async volume(id: VolumeId): Promise<VolumeStorageObservation | undefined> {
    return (await this.storage.client.getReport()).volumes.find((each) => each.id === id);
  }

  async snapshot(id: SnapshotId): Promise<SnapshotStorageObservation | undefined> {
    return (await this.storage.client.getReport()).snapshots.find((each) => each.id === id);
  }

  untilVolume(
    id: VolumeId,
    test: (seen: VolumeStorageObservation) => boolean,
  ): Promise<VolumeStorageObservation> {
    return this.until(`${id} to be so`, async () => {
      const seen = await this.volume(id);
      return seen !== undefined && test(seen) ? seen : undefined;
    });
  }

  untilSnapshot(
    id: SnapshotId,
    test: (seen: SnapshotStorageObservation) => boolean,
  ): Promise<SnapshotStorageObservation> {
    return this.until(`${id} to be so`, async () => {
      const seen = await this.snapshot(id);
      return seen !== undefined && test(seen) ? seen : undefined;
    });
  }

  /** Throws, with the reason, where it failed. */
  async untilCompleted(id: SnapshotId): Promise<SnapshotStorageObservation> {
    const seen = await this.untilSnapshot(id, (each) => each.state !== 'pending');
    if (seen.state === 'completed') return seen;
    throw new Error(`${id} is ${seen.state}: ${seen.reason}`);
  }

  /** These steps of qemu-io work: what serves the volume may have ended, and comes back. */
  untilDone(seen: VolumeStorageObservation, ...steps: string[]): Promise<boolean> {
    return this.until(`${seen.id} to be served`, () =>
      qemuIo(seen, ...steps).then(
        () => true,
        () => false,
      ),
    );
  }

  untilQuiet(): Promise<boolean> {
    return this.until('quiet', () => this.storage.isQuiet());
  }

  /** Freezing is over: each unfinished snapshot is readable, whatever its upload waits for. */
  untilQuietFreeze(): Promise<unknown> {
    return this.until('points in time to be recorded', async () => {
      const database = new DatabaseSync(join(this.dataDir, 'storage.db'), { readOnly: true });
      try {
        const query =
          "SELECT id FROM snapshot WHERE observed_state = 'pending' AND frozen_epoch IS NULL";
        return database.prepare(query).all().length === 0;
      } finally {
        database.close();
      }
    });
  }

  until<T>(what: string, probe: () => Promise<T | undefined | false> | T | false): Promise<T> {
    const options = { clock: systemClock, timeoutMs: TIMEOUT_MS, intervalMs: 10, what };
    return waitFor(probe, options).catch((error: unknown) => {
      const log = this.#lines.slice(-LINES_SHOWN).join('');
      throw new Error(`${what}; the end of the log:\n${log}`, { cause: error });
    });
  }

  /** Every file of the data folder without what every start makes: the database, and what daemons see of the host. */
  async files(): Promise<string[]> {
    const entries = await readdir(this.dataDir, { recursive: true, withFileTypes: true });
    return entries
      .filter((entry) => !entry.isDirectory())
      .map((entry) => join(entry.parentPath, entry.name).slice(this.dataDir.length + 1))
      .filter((path) => !/^(?:storage\.db|keyring\/)/.test(path) && !path.startsWith('enclosure/'))
      .filter((path) => path !== SOURCES_SOCKET)
      .sort();
  }

  async write(id: VolumeId, offset: number, bytes: Uint8Array): Promise<void> {
    await using file = await open(this.#volumePath(id), 'r+');
    await writeFully(file, bytes, offset);
  }

  async read(id: VolumeId, offset: number, length: number): Promise<Buffer> {
    await using file = await open(this.#volumePath(id), 'r');
    const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, offset);
    return buffer.subarray(0, bytesRead);
  }

  remove(id: VolumeId): Promise<void> {
    return rm(this.#volumePath(id));
  }

  #volumePath(id: VolumeId): string {
    return join(this.dataDir, 'volumes', `${id}.raw`);
  }

  objectKeys(): string[] {
    return [...this.objects.buckets.values()].flatMap((bucket) => [...bucket.keys()]);
  }

  /** Those of blocks, which snapshots share. */
  blockKeys(): string[] {
    return this.objectKeys().filter((key) => key.startsWith('blocks/'));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#storage?.halt();
    await this.#storage?.[Symbol.asyncDispose]();
    await rm(this.root, { recursive: true, force: true });
  }
}

/** Far more than one daemon takes to follow another on a busy machine. */
const CUT_OFF_MS = 10_000;
/** The next daemon does not listen yet, or listens and has nothing to show. */
const BETWEEN_DAEMONS = /Connection refused|Requested export not available/;

/** Runs qemu-io commands against an exported volume; throws when a pattern does not match. */
export async function qemuIo(seen: VolumeStorageObservation, ...steps: string[]): Promise<void> {
  const args = ['-f', 'raw', ...steps.flatMap((step) => ['-c', step]), nbdUri(seen)];
  const { stdout } = await onceMore(() => systemCommands.run('qemu-io', args));
  if (/failed/i.test(stdout)) throw new Error(stdout);
}

/** A daemon that ends so that the next one may begin cuts its hosts off. They come again; what they read wrong stays wrong. */
export async function onceMore<T>(work: () => Promise<T>): Promise<T> {
  const timing = { clock: systemClock, timeoutMs: CUT_OFF_MS, intervalMs: 20, what: 'a daemon' };
  let isAgain = false;
  const attempt = async () => {
    try {
      return { value: await work() };
    } catch (error) {
      if (!(error instanceof CommandError) || /verification failed/.test(error.message))
        throw error;
      if (BETWEEN_DAEMONS.test(error.message)) return undefined;
      if (isAgain) throw error;
      isAgain = true;
      return undefined;
    }
  };
  return (await waitFor(attempt, timing)).value;
}

export function nbdUri(seen: VolumeStorageObservation): string {
  if (seen.export?.kind !== 'nbd-unix') throw new Error(`${seen.id} is not exported`);
  return `nbd+unix:///${seen.export.exportName}?socket=${seen.export.socketPath}`;
}

export async function daemonPid(harness: Harness, id: VolumeId): Promise<number> {
  return Number(await readFile(join(harness.dataDir, 'run/processes', `${id}.pid`), 'utf8'));
}

/** Stops uploads before their first byte is read, which is after the point in time. */
export function holdUploads(harness: Harness): { reached: Promise<void>; release: () => void } {
  const reached = Promise.withResolvers<void>();
  const gate = Promise.withResolvers<void>();
  const ensureBucket = harness.objects.ensureBucket.bind(harness.objects);
  harness.objects.ensureBucket = async (bucket) => {
    reached.resolve();
    await gate.promise;
    await ensureBucket(bucket);
  };
  return { reached: reached.promise, release: gate.resolve };
}
