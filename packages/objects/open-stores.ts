// Owns where Walrus' state and bytes are: files of this host that one process has, or a PostgreSQL and an S3-compatible
// engine that several gateways share.

import { join } from 'node:path';
import type { Clock } from '@ironbark/platform/clock.ts';
import { openPostgres } from '@ironbark/platform/database/postgres.ts';
import { PostgresLock } from '@ironbark/platform/database/postgres-lock.ts';
import type { PostgresTarget } from '@ironbark/platform/database/postgres-target.ts';
import { openSqlite } from '@ironbark/platform/database/sqlite.ts';
import type { Logger } from '@ironbark/platform/logger.ts';
import type { RandomSource } from '@ironbark/platform/random.ts';
import { newRandomId } from './app/context.ts';
import { type Gateway, ONLY_GATEWAY, SharedGateway } from './app/gateway.ts';
import { type BlobLog, openBlobLog } from './drivers/blob-log.ts';
import type { BlobStore } from './drivers/blob-store.ts';
import { openDiskBlobStore } from './drivers/disk-blob-store.ts';
import type { HashThreads } from './drivers/hash-threads.ts';
import { journalIn } from './drivers/log-journal.ts';
import { ensureEngineBucket, S3BlobStore } from './drivers/s3-blob-store.ts';
import { type EngineSettings, S3Engine } from './drivers/s3-engine.ts';
import { deleteGateway, ensureStoreName } from './store/gateways.ts';
import { findLastLogFile } from './store/logged-blobs.ts';
import { objectsMigrations } from './store/migrations/migrations.ts';
import type { ObjectsDatabase, ObjectsSchema } from './store/schema.ts';

export interface Stores extends AsyncDisposable {
  db: ObjectsDatabase;
  blobs: BlobStore;
  log: BlobLog | undefined;
  gateway: Gateway;
  /** The same, where there may be others. */
  shared: SharedGateway | undefined;
}

export interface LocalOptions {
  dataDir: string;
  /** Closed by its owner. Default: SQLite in `dataDir`. */
  database: ObjectsDatabase | undefined;
  hashing: HashThreads;
  logFileBytes: number | undefined;
  random: RandomSource;
  onLogFull: () => void;
}

export async function openLocalStores(options: LocalOptions): Promise<Stores> {
  const { dataDir, logFileBytes, hashing, onLogFull: onFull } = options;
  await using undo = new AsyncDisposableStack();
  const folder = join(dataDir, 'log');
  const db = options.database ?? undo.use(await openDatabase(dataDir, folder, options.random));
  const blobs = await openDiskBlobStore(join(dataDir, 'blobs'), hashing);
  const lastKnown = await findLastLogFile(db.query);
  const size = logFileBytes === undefined ? {} : { fileBytes: logFileBytes };
  const log = undo.use(await openBlobLog({ folder, lastKnown, onFull, ...size }));
  const owned = undo.move();
  return {
    ...{ db, blobs, log, gateway: ONLY_GATEWAY, shared: undefined },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

/** Most of the gain is had with a few; all of them are answered when the last one is done. */
const MAX_TRANSACTIONS_PER_COMMIT = 32;

function openDatabase(
  dataDir: string,
  logFolder: string,
  random: RandomSource,
): Promise<ObjectsDatabase> {
  return openSqlite<ObjectsSchema>({
    path: join(dataDir, 'objects.sqlite'),
    migrations: objectsMigrations,
    maxTransactionsPerCommit: MAX_TRANSACTIONS_PER_COMMIT,
    journal: { source: journalIn(logFolder), epoch: newRandomId(random) },
  });
}

/** What all gateways of one state are given alike. */
export interface SharedSettings {
  database: PostgresTarget;
  engine: EngineSettings;
}

export interface SharedOptions {
  settings: SharedSettings;
  hashing: HashThreads;
  clock: Clock;
  random: RandomSource;
  logger: Logger;
  /** Called each time this gateway is to do what one does for all. */
  onLeader: () => void;
}

/** Of advisory locks in the state's database: who does what one gateway does for all. */
const LEADER_LOCK = 4_910_273_562;

export async function openSharedStores(options: SharedOptions): Promise<Stores> {
  const { settings, hashing, clock, random, logger, onLeader: onHeld } = options;
  await using undo = new AsyncDisposableStack();
  const target = settings.database;
  const migrations = objectsMigrations;
  const db = undo.use(
    await openPostgres<ObjectsSchema>({ target, migrations, clock, random, logger }),
  );
  const engine = undo.use(new S3Engine(settings.engine, clock));
  await ensureEngineBucket(engine);
  const name = await db.transaction((tx) => ensureStoreName(tx, newRandomId(random)));
  const lock = undo.use(new PostgresLock({ target, key: LEADER_LOCK, clock, onHeld }));
  const gateway = new SharedGateway({ db, random, isLeader: () => lock.isHeld });
  await gateway.beat();
  undo.defer(() => signOff(db, gateway));
  const owned = undo.move();
  return {
    ...{ db, blobs: new S3BlobStore(engine, name, hashing), log: undefined },
    ...{ gateway, shared: gateway },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

/** Nobody waits for its reads any more. One that cannot say so is missed in time. */
async function signOff(db: ObjectsDatabase, { id }: SharedGateway): Promise<void> {
  await deleteGateway(db.query, { id, beat: Number.MAX_SAFE_INTEGER }).catch(() => {});
}
