// Owns what the daemon does for a backup: it holds one moment of the cloud still, for as long as it is asked to.
//
// All state stores are stopped for some milliseconds, and each gets a reader of that moment. What is in one of them
// and points at another is therefore there: an object's row and its blob, an image and its objects, a volume's record
// at the storage and at the cloud. Blobs never change, so it is enough that none of them is removed meanwhile.
// Volumes are frozen right after that moment, one by one.

import { link, readdir, rm, stat } from 'node:fs/promises';
import { join, relative } from 'node:path';
import type { VolumeId } from '@ironbark/core/ids.ts';
import type { Clock } from '@ironbark/platform/clock.ts';
import { renderTime } from '@ironbark/platform/clock.ts';
import {
  openSqliteSnapshot,
  type SqliteSnapshot,
} from '@ironbark/platform/database/sqlite-snapshot.ts';
import { ensureDirectory } from '@ironbark/platform/files.ts';
import type { Logger } from '@ironbark/platform/logger.ts';
import { readProcess } from '@ironbark/platform/processes.ts';
import type { HeldVolumes } from '@ironbark/storage/app/held-volumes.ts';
import type { BackupRequest, BackupSource } from './admin-api.ts';
import type { EmbeddedCloud } from './compose.ts';
import type { DataPaths } from './paths.ts';

export interface BackupSourcesOptions {
  embedded: EmbeddedCloud;
  paths: DataPaths;
  clock: Clock;
  logger: Logger;
}

/** Who copies renews several times in this time; one that was killed holds things up no longer. */
const LEASE_MS = 60_000;

/** The one source that there may be at a time. */
export class BackupSources implements AsyncDisposable {
  readonly #options: BackupSourcesOptions;
  #held: AsyncDisposableStack | undefined;
  #volumes: HeldVolumes | undefined;
  #expiry: AbortController | undefined;
  #holderPid = 0;

  constructor(options: BackupSourcesOptions) {
    this.#options = options;
  }

  async begin({ withVolumes, pid }: BackupRequest): Promise<BackupSource> {
    if (this.#held !== undefined && (await readProcess(this.#holderPid)) === undefined) {
      await this.end();
    }
    if (this.#held !== undefined) throw new Error('another backup of this cloud is under way');
    this.#holderPid = pid;
    const held = new AsyncDisposableStack();
    this.#held = held;
    try {
      const source = await this.#hold(held, withVolumes);
      this.renew();
      return source;
    } catch (error) {
      await this.end();
      throw error;
    }
  }

  async #hold(held: AsyncDisposableStack, withVolumes: boolean): Promise<BackupSource> {
    const { embedded, paths, clock } = this.#options;
    await rm(paths.backup, { recursive: true, force: true });
    held.defer(() => rm(paths.backup, { recursive: true, force: true }));
    held.use(embedded.objects.holdBlobs());
    const snapshots = await holdState(this.#options);
    const takenAt = renderTime(clock.nowMs());
    try {
      if (withVolumes) this.#volumes = held.use(await embedded.storage.holdVolumes());
      await copyState(snapshots, paths);
    } finally {
      for (const { snapshot } of snapshots) snapshot[Symbol.dispose]();
    }
    await embedded.audit.flush();
    await linkEvents(paths);
    return {
      directory: paths.backup,
      files: await listFiles(paths.backup),
      blobs: join(paths.objects, 'blobs'),
      volumes: [...(this.#volumes?.volumes ?? [])],
      leaseMs: LEASE_MS,
      accountId: embedded.cloud.accountId,
      takenAt,
    };
  }

  renew(): void {
    if (this.#held === undefined) {
      throw new Error('the backup was given up: it was not heard of for too long. Start it again.');
    }
    this.#expiry?.abort();
    const expiry = new AbortController();
    this.#expiry = expiry;
    const { clock, logger } = this.#options;
    clock.sleep(LEASE_MS, expiry.signal).then(
      async () => {
        logger.warn('a backup was not heard of any more and is given up');
        await this.end();
      },
      () => {},
    );
  }

  readVolume(id: VolumeId): AsyncGenerator<{ offset: number; bytes: Buffer }> {
    if (this.#volumes === undefined) throw new Error('no backup with volumes is under way');
    return this.#volumes.read(id);
  }

  async end(): Promise<void> {
    const held = this.#held;
    this.#expiry?.abort();
    this.#volumes = undefined;
    this.#held = undefined;
    await held?.disposeAsync();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.end();
  }
}

interface StoreSnapshot {
  path: string;
  snapshot: SqliteSnapshot;
}

/** Cluster and node are not among them: all that they keep follows from the cloud's, and is made again. */
async function holdState({ embedded, paths }: BackupSourcesOptions): Promise<StoreSnapshot[]> {
  const { cloud, storage, objects } = embedded;
  const files = [
    join(paths.cloud, 'cloud.db'),
    join(paths.storage, 'storage.db'),
    join(paths.objects, 'objects.sqlite'),
  ];
  return await cloud.whileQuiet(() =>
    storage.whileQuiet(() =>
      objects.whileQuiet(async () =>
        files.map((path) => ({ path, snapshot: openSqliteSnapshot(path) })),
      ),
    ),
  );
}

async function copyState(snapshots: readonly StoreSnapshot[], paths: DataPaths): Promise<void> {
  for (const { path, snapshot } of snapshots) {
    const target = join(paths.backup, relative(paths.root, path));
    await ensureDirectory(join(target, '..'));
    await snapshot.copyTo(target);
  }
}

/** Lines are only ever added, so a second name keeps a file whatever rotation does. */
async function linkEvents(paths: DataPaths): Promise<void> {
  const directory = join(paths.backup, relative(paths.root, paths.events));
  await ensureDirectory(directory);
  // A head speaks of lines that are there already, so it is taken before them.
  for (const suffix of ['.head.json', '.jsonl']) {
    const names = (await readdir(paths.events)).filter((name) => name.endsWith(suffix));
    for (const name of names) await link(join(paths.events, name), join(directory, name));
  }
}

async function listFiles(directory: string): Promise<BackupSource['files']> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true });
  const files: BackupSource['files'] = [];
  for (const entry of entries.filter((each) => each.isFile())) {
    const path = join(entry.parentPath, entry.name);
    files.push({ path: relative(directory, path), sizeBytes: (await stat(path)).size });
  }
  return files.sort((a, b) => (a.path < b.path ? -1 : 1));
}
