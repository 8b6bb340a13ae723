// Owns how Walrus is put together: state, blobs, reconcilers, the S3 endpoint and the client for other services.

import type { AccountId } from '@ironbark/core/ids.ts';
import type { Clock } from '@ironbark/platform/clock.ts';
import { ensureDirectory } from '@ironbark/platform/files.ts';
import type { HttpHandler } from '@ironbark/platform/http/server.ts';
import type { Logger } from '@ironbark/platform/logger.ts';
import type { RandomSource } from '@ironbark/platform/random.ts';
import { type ReconcilerHandle, ReconcilerRunner } from '@ironbark/platform/reconciler.ts';
import { type AuditLog, NO_AUDIT } from '@ironbark/protocol/internal/audit-log.ts';
import type { AwaitedEnvelopes } from '@ironbark/protocol/internal/envelopes.ts';
import type { IdentityClient } from '@ironbark/protocol/internal/identity-client.ts';
import type { ObjectsClient } from '@ironbark/protocol/internal/objects-client.ts';
import type { Ownership } from '@ironbark/protocol/s3/ownership.ts';
import { AccessLogs } from './app/access-log-lines.ts';
import { AccountKeys } from './app/account-keys.ts';
import { BusyBlobs, type ObjectsContext } from './app/context.ts';
import { BEAT_MS } from './app/gateway.ts';
import { KnownBuckets } from './app/known-buckets.ts';
import { type ObjectsCounts, RequestCounters } from './app/request-counters.ts';
import { createSystemClient } from './app/system-client.ts';
import { type BucketUsage, measureUsage } from './app/usage.ts';
import { HashThreads } from './drivers/hash-threads.ts';
import { createS3Handler } from './http/s3-endpoint.ts';
import {
  openLocalStores,
  openSharedStores,
  type SharedSettings,
  type Stores,
} from './open-stores.ts';
import {
  ACCESS_LOG_MS,
  accessLogDelivery,
  deliverRest,
} from './reconcilers/access-log-delivery.ts';
import { byLeader, gatewayBeat, gatewayWatch, WATCH_MS } from './reconcilers/gateways.ts';
import { lifecycle } from './reconcilers/lifecycle.ts';
import { logCompaction } from './reconcilers/log-compaction.ts';
import { SCRUB_GROUP_MS, scrub } from './reconcilers/scrub.ts';
import { strayBlobs } from './reconcilers/stray-blobs.ts';
import { unwantedBlobs } from './reconcilers/unwanted-blobs.ts';
import { findAnyAccountKey } from './store/account-keys.ts';
import type { ObjectsDatabase } from './store/schema.ts';

export interface ObjectsOptions {
  /** Holds `objects.sqlite`, `blobs/` and `log/`, one process at a time. Nothing is in it where they are shared. */
  dataDir?: string;
  /** Where state and bytes are that several processes serve. Default: files in `dataDir`, and one process. */
  shared?: SharedSettings;
  /** Opened with `objectsMigrations`, and closed by its owner. Default: SQLite in `dataDir`. */
  database?: ObjectsDatabase;
  identity: IdentityClient;
  /** The cloud's keyring, as soon as there is one. Without it nothing can be encrypted. */
  envelopes?: () => AwaitedEnvelopes | undefined;
  /** Of buckets on which nobody has set it. Default: BucketOwnerEnforced, as on AWS since 2023. */
  defaultOwnership?: Ownership;
  /** Lets Signature Version 2 in. Default: no. */
  allowsSignatureV2?: boolean;
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
  /** What a file of the log of small objects grows to. Default: 32 MiB. */
  logFileBytes?: number;
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
  /** One that was closed with the keyring; undefined while nothing is encrypted. */
  findKeyEnvelope(): Promise<string | undefined>;
  /** What each bucket holds, counted now. */
  measureUsage(): Promise<BucketUsage[]>;
  /** What was done since the start. */
  counts(): ObjectsCounts;
  /** What its disk has failed to keep; nothing is changed there until the next start. */
  listFailures(): string[];
}

/** A look at every file; what it repairs is rare. */
const STRAY_RESYNC_MS = 60 * 60 * 1_000;

/** A file that becomes full is a reason to look, too. */
const COMPACTION_RESYNC_MS = 60_000;

/** What is due is due at a midnight; an hour later is soon enough. */
const LIFECYCLE_RESYNC_MS = 60 * 60 * 1_000;

/** Long enough for a slow link, short enough that connections which died do not pile up. */
const STALL_TIMEOUT_MS = 60_000;

export async function startObjects(options: ObjectsOptions): Promise<Objects> {
  const { clock, random, logger, region } = options;
  if (options.dataDir !== undefined) await ensureDirectory(options.dataDir);
  await using undo = new AsyncDisposableStack();
  const hashing = undo.use(new HashThreads());
  const late: Partial<Handles> = {};
  const { db, blobs, log, gateway, shared } = undo.use(await openStores(options, hashing, late));
  const accessLogs = new AccessLogs((bucketId) => late.deliveries?.poke(bucketId));
  const { identity, envelopes = () => undefined } = options;
  const { defaultOwnership = 'BucketOwnerEnforced', allowsSignatureV2 = false } = options;
  const context: ObjectsContext = {
    ...{ db, blobs, log, gateway, hashing, clock, random, logger, region, identity },
    ...{ defaultOwnership, allowsSignatureV2 },
    accountKeys: new AccountKeys({ db, random, envelopes }),
    buckets: new KnownBuckets(db),
    busy: new BusyBlobs(),
    counters: new RequestCounters(),
    accessLogs,
    wake: {
      unwanted: (ids) => wakeCleaner(context, late.cleaner, ids),
      lifecycle: () => late.lifecycles?.resync(),
    },
  };
  undo.defer(() => deliverRest(context, accessLogs));
  const runner = undo.use(new ReconcilerRunner({ clock, random, logger }));
  Object.assign(late, addReconcilers(runner, context, shared));
  const { domains = ['localhost'], stallTimeoutMs = STALL_TIMEOUT_MS } = options;
  const { audit = NO_AUDIT } = options;
  const owned = undo.move();
  return {
    handler: createS3Handler({ context, domains, stallTimeoutMs, audit }),
    client: createSystemClient(context, options.systemAccountId),
    isQuiet: () => runner.isQuiet(),
    whileQuiet: (work) => db.transaction(() => work()),
    findKeyEnvelope: () => findAnyAccountKey(db.query),
    holdBlobs: () => holdBlobs(context),
    measureUsage: () => measureUsage(context),
    counts: () => context.counters.read(),
    listFailures: () =>
      [db.failure, blobs.failure, log?.failure].filter((each) => each !== undefined),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

/** For all other gateways it is as a read that does not end. */
function holdBlobs({ busy, gateway }: ObjectsContext): Disposable {
  const holds = new DisposableStack();
  holds.use(gateway.beginRead());
  holds.use(busy.holdAll());
  return holds;
}

interface Handles {
  cleaner: ReconcilerHandle;
  compaction: ReconcilerHandle | undefined;
  lifecycles: ReconcilerHandle;
  deliveries: ReconcilerHandle;
  /** Of all gateways one runs these. */
  ofLeader: readonly ReconcilerHandle[];
}

async function openStores(
  options: ObjectsOptions,
  hashing: HashThreads,
  late: Partial<Handles>,
): Promise<Stores> {
  const { dataDir, database, logFileBytes, shared: settings, clock, random, logger } = options;
  if (settings === undefined) {
    if (dataDir === undefined) throw new Error('objects in files need a folder');
    const onLogFull = () => late.compaction?.resync();
    return await openLocalStores({ dataDir, database, hashing, logFileBytes, random, onLogFull });
  }
  const onLeader = () => {
    for (const handle of late.ofLeader ?? []) handle.resync();
  };
  return await openSharedStores({ settings, hashing, clock, random, logger, onLeader });
}

function addReconcilers(
  runner: ReconcilerRunner,
  context: ObjectsContext,
  shared: Stores['shared'],
): Handles {
  const { log } = context;
  if (shared !== undefined) runner.add(gatewayBeat(shared), { resyncMs: BEAT_MS });
  const cleaner = runner.add(unwantedBlobs(context));
  const compaction =
    log === undefined
      ? undefined
      : runner.add(logCompaction({ ...context, log }), {
          resyncMs: COMPACTION_RESYNC_MS,
          concurrency: 1,
        });
  const strays = runner.add(byLeader(context, strayBlobs(context)), { resyncMs: STRAY_RESYNC_MS });
  const scrubbing = { resyncMs: SCRUB_GROUP_MS, concurrency: 1 };
  const scrubs = runner.add(byLeader(context, scrub(context)), scrubbing);
  const due = { resyncMs: LIFECYCLE_RESYNC_MS };
  const lifecycles = runner.add(byLeader(context, lifecycle(context)), due);
  const watch =
    shared === undefined
      ? []
      : [
          runner.add(gatewayWatch(context, { gateway: shared, onTaken: () => cleaner.resync() }), {
            resyncMs: WATCH_MS,
          }),
        ];
  const deliveries = runner.add(accessLogDelivery(context, context.accessLogs), {
    resyncMs: ACCESS_LOG_MS,
  });
  const ofLeader = [strays, scrubs, lifecycles, ...watch];
  return { cleaner, compaction, lifecycles, deliveries, ofLeader };
}

/**
 * Called in the transaction that dooms them. What is asked of SQLite meanwhile waits for its end; elsewhere it would not
 * be seen yet.
 */
function wakeCleaner(
  { gateway, clock }: ObjectsContext,
  cleaner: ReconcilerHandle | undefined,
  ids: readonly string[],
): void {
  const poke = () => {
    for (const id of ids) cleaner?.poke(id);
  };
  if (gateway.id === null) poke();
  else void clock.sleep(BEAT_MS).then(poke);
}
