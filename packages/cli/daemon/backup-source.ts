// Owns what the daemon does for a backup: it holds one moment of the cloud still, for as long as it is asked to.
//
// All state stores are stopped for some milliseconds, and each gets a reader of that moment. What is in one of them
// and points at another is therefore there: an object's row and its blob, an image and its objects, a volume's record
// at the storage and at the cloud. Blobs never change, so it is enough that none of them is removed meanwhile.
// Volumes are frozen right after that moment, one by one.

import { link, readdir, rm, stat } from 'node:fs/promises';
import { join, relative } from 'node:path';
import type { Cloud } from '@ironbark/cloud/main.ts';
import { ServiceError } from '@ironbark/core/errors.ts';
import type { Objects } from '@ironbark/objects/main.ts';
import type { Clock } from '@ironbark/platform/clock.ts';
import { renderTime } from '@ironbark/platform/clock.ts';
import {
  openSqliteSnapshot,
  type SqliteSnapshot,
} from '@ironbark/platform/database/sqlite-snapshot.ts';
import { ensureDirectory } from '@ironbark/platform/files.ts';
import type { Logger } from '@ironbark/platform/logger.ts';
import type { HeldVolumes } from '@ironbark/storage/app/held-volumes.ts';
import type { Storage } from '@ironbark/storage/main.ts';
import type {
  BackupRequest,
  BackupSource,
  HeldVolumePart,
  HeldVolumeRequest,
} from './admin-api.ts';
import type { EmbeddedAudit } from './audit.ts';
import type { DataPaths } from './paths.ts';

export interface BackupSourcesOptions {
  cloud: Cloud;
  storage: Storage;
  objects: Objects;
  /** They are in no files of the cloud. */
  isShared: boolean;
  audit: EmbeddedAudit;
  paths: DataPaths;
  clock: Clock;
  logger: Logger;
}

/** Who copies renews several times in this time; one that was killed holds things up no longer. */
const LEASE_MS = 15_000;

/** The one source that there may be at a time. */
export class BackupSources implements AsyncDisposable {
  readonly #options: BackupSourcesOptions;
  #held: AsyncDisposableStack | undefined;
  #volumes: HeldVolumes | undefined;
  #expiry: AbortController | undefined;

  private constructor(options: BackupSourcesOptions) {
    this.#options = options;
  }

  /** Removes what a crash left of one. */
  static async open(options: BackupSourcesOptions): Promise<BackupSources> {
    await rm(options.paths.backup, { recursive: true, force: true });
    return new BackupSources(options);
  }

  async begin({ withVolumes }: BackupRequest): Promise<BackupSource> {
    if (this.#options.isShared) {
      throw refuse(
        'The objects of this cloud are in a database and an engine that have backups of their own; one of the cloud alone could not be restored together with them.',
      );
    }
    if (this.#held !== undefined) {
      const seconds = LEASE_MS / 1_000;
      throw refuse(
        `Another backup of this cloud is under way, or was cut short in the last ${seconds} s.`,
      );
    }
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
    const { cloud, storage, objects, audit, paths, clock } = this.#options;
    await rm(paths.backup, { recursive: true, force: true });
    held.defer(() => rm(paths.backup, { recursive: true, force: true }));
    held.use(objects.holdBlobs());
    const snapshots = await holdState(this.#options);
    const takenAt = renderTime(clock.nowMs());
    try {
      if (withVolumes) this.#volumes = held.use(await storage.holdVolumes());
      await copyState(snapshots, paths);
    } finally {
      for (const { snapshot } of snapshots) snapshot[Symbol.dispose]();
    }
    await audit.flush();
    await linkEvents(paths);
    return {
      directory: relative(paths.root, paths.backup),
      files: await listFiles(paths.backup),
      objects: relative(paths.root, paths.objects),
      volumes: [...(this.#volumes?.volumes ?? [])],
      needsKeyring:
        (await storage.hasEncryption()) || (await objects.findKeyEnvelope()) !== undefined,
      leaseMs: LEASE_MS,
      accountId: cloud.accountId,
      takenAt,
    };
  }

  renew(): void {
    if (this.#held === undefined) {
      throw refuse('The backup was given up: it was not heard of for too long. Start it again.');
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

  async readVolume({ id, offset }: HeldVolumeRequest): Promise<HeldVolumePart> {
    if (!Number.isSafeInteger(offset) || offset < 0) throw refuse('That is no offset.');
    if (this.#volumes === undefined) throw refuse('No backup with volumes is under way.');
    const { pieces, nextOffset } = await this.#volumes.read(id, offset);
    return {
      pieces: pieces.map((piece) => ({
        offset: piece.offset,
        bytes: piece.bytes.toString('base64'),
      })),
      ...(nextOffset === undefined ? {} : { nextOffset }),
    };
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

function refuse(message: string): ServiceError {
  return new ServiceError({ kind: 'incorrect-state', resource: 'host', message });
}

interface StoreSnapshot {
  path: string;
  snapshot: SqliteSnapshot;
}

/** Cluster and node are not among them: all that they keep follows from the cloud's, and is made again. */
async function holdState({
  cloud,
  storage,
  objects,
  paths,
}: BackupSourcesOptions): Promise<StoreSnapshot[]> {
  const { stores } = paths;
  const files = [stores.cloud, stores.storage, stores.objects];
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
