// Owns how Walrus is put together: state, blobs, reconcilers, the S3 endpoint and the client for other services.

import { join } from 'node:path';
import type { AccountId } from '@ironbark/core/ids.ts';
import type { Clock } from '@ironbark/platform/clock.ts';
import { openSqlite } from '@ironbark/platform/database/sqlite.ts';
import { ensureDirectory } from '@ironbark/platform/files.ts';
import type { HttpHandler } from '@ironbark/platform/http/server.ts';
import type { Logger } from '@ironbark/platform/logger.ts';
import type { RandomSource } from '@ironbark/platform/random.ts';
import { type ReconcilerHandle, ReconcilerRunner } from '@ironbark/platform/reconciler.ts';
import { type AuditLog, NO_AUDIT } from '@ironbark/protocol/internal/audit-log.ts';
import type { IdentityClient } from '@ironbark/protocol/internal/identity-client.ts';
import type { ObjectsClient } from '@ironbark/protocol/internal/objects-client.ts';
import { BusyBlobs, type ObjectsContext } from './app/context.ts';
import { createSystemClient } from './app/system-client.ts';
import { openDiskBlobStore } from './drivers/disk-blob-store.ts';
import { createS3Handler } from './http/s3-endpoint.ts';
import { strayBlobs } from './reconcilers/stray-blobs.ts';
import { unwantedBlobs } from './reconcilers/unwanted-blobs.ts';
import { objectsMigrations } from './store/migrations/migrations.ts';
import type { ObjectsDatabase, ObjectsSchema } from './store/schema.ts';

export interface ObjectsOptions {
  /** Holds `objects.sqlite` and `blobs/`. One process at a time. */
  dataDir: string;
  /** Opened with `objectsMigrations`, and closed by its owner. Default: SQLite in `dataDir`. */
  database?: ObjectsDatabase;
  identity: IdentityClient;
  region: string;
  clock: Clock;
  random: RandomSource;
  logger: Logger;
  /** Whom the cloud's own images and snapshots belong to. */
  systemAccountId: AccountId;
  /** Host names under which virtual-hosted buckets are served. Default: `localhost`. */
  domains?: readonly string[];
  /** Time without a byte in either direction after which a request is given up. Default: a minute. */
  stallTimeoutMs?: number;
  /** Takes a record of every call, refused ones too. Default: nobody does. */
  audit?: AuditLog;
}

export interface Objects extends AsyncDisposable {
  /** For a listener with `handlesContinue: true` and `requestTimeoutMs: 0`. */
  readonly handler: HttpHandler;
  readonly client: ObjectsClient;
  /** True when nothing is left to clean up. */
  isQuiet(): boolean;
  /** Runs `work` while nothing is committed; keep it short. */
  whileQuiet<Result>(work: () => Promise<Result>): Promise<Result>;
  /** Until it is disposed no blob's file is removed. */
  holdBlobs(): Disposable;
  /** What its disk has failed to keep; nothing is changed there until the next start. */
  listFailures(): string[];
}

/** A look at every file; what it repairs is rare. */
const STRAY_RESYNC_MS = 60 * 60 * 1_000;

/** Long enough for a slow link, short enough that connections which died do not pile up. */
const STALL_TIMEOUT_MS = 60_000;

export async function startObjects(options: ObjectsOptions): Promise<Objects> {
  const { dataDir, clock, random, logger, region } = options;
  await ensureDirectory(dataDir);
  await using undo = new AsyncDisposableStack();
  const db = options.database ?? undo.use(await openDatabase(dataDir));
  const blobs = await openDiskBlobStore(join(dataDir, 'blobs'));
  let cleaner: ReconcilerHandle | undefined;
  const unwanted = (ids: readonly string[]) => {
    for (const id of ids) cleaner?.poke(id);
  };
  const context: ObjectsContext = {
    ...{ db, blobs, clock, random, logger, region },
    busy: new BusyBlobs(),
    wake: { unwanted },
  };
  const runner = undo.use(new ReconcilerRunner({ clock, random, logger }));
  cleaner = runner.add(unwantedBlobs(context));
  runner.add(strayBlobs(context), { resyncMs: STRAY_RESYNC_MS });
  const { identity, domains = ['localhost'], stallTimeoutMs = STALL_TIMEOUT_MS } = options;
  const { audit = NO_AUDIT } = options;
  const owned = undo.move();
  return {
    handler: createS3Handler({ context, identity, domains, stallTimeoutMs, audit }),
    client: createSystemClient(context, options.systemAccountId),
    isQuiet: () => runner.isQuiet(),
    whileQuiet: (work) => db.transaction(() => work()),
    holdBlobs: () => context.busy.holdAll(),
    listFailures: () => [db.failure, blobs.failure].filter((each) => each !== undefined),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

function openDatabase(dataDir: string): Promise<ObjectsDatabase> {
  const path = join(dataDir, 'objects.sqlite');
  return openSqlite<ObjectsSchema>({ path, migrations: objectsMigrations });
}
