// Owns the running Storage Controller: its reconcilers, its client, and how it ends.

import type { SnapshotId, VolumeId } from '@ironbark/core/ids.ts';
import type { Clock } from '@ironbark/platform/clock.ts';
import type { Database } from '@ironbark/platform/database/database.ts';
import type { Logger } from '@ironbark/platform/logger.ts';
import type { RandomSource } from '@ironbark/platform/random.ts';
import {
  type AroundStep,
  type ReconcilerHandle,
  ReconcilerRunner,
} from '@ironbark/platform/reconciler.ts';
import type { BlockTarget } from '@ironbark/protocol/internal/block-target.ts';
import type { Envelopes } from '@ironbark/protocol/internal/envelopes.ts';
import type { GateKeeper } from '@ironbark/protocol/internal/nbd-gates.ts';
import type { ObjectsClient } from '@ironbark/protocol/internal/objects-client.ts';
import type { SnapshotReader } from '@ironbark/protocol/internal/snapshot-reader.ts';
import type { SnapshotWriter } from '@ironbark/protocol/internal/snapshot-writer.ts';
import type { StagedBackends } from '@ironbark/protocol/internal/staged-backend.ts';
import type { StorageClient } from '@ironbark/protocol/internal/storage-client.ts';
import type { Compressor } from './app/chunk-codec.ts';
import type { Nearness, StorageContext } from './app/context.ts';
import type { EncryptionKeys } from './app/encryption-keys.ts';
import { findGate } from './app/gates.ts';
import { type HeldVolumes, holdVolumes, letGoOfForgottenPoints } from './app/held-volumes.ts';
import { forgetAbsent, putIntents } from './app/intents.ts';
import { findSource } from './app/layers.ts';
import { MeasuredVolumes } from './app/measured-volumes.ts';
import { buildReport } from './app/report.ts';
import { Slots } from './app/slots.ts';
import { createSnapshotReader } from './app/snapshot-blocks.ts';
import { SourceGates } from './app/source-gates.ts';
import { sweep } from './app/sweep.ts';
import { VolumeLocks } from './app/volume-locks.ts';
import { createSnapshotWriter } from './app/written-snapshots.ts';
import { serveSources } from './drivers/source-server.ts';
import type { VolumeBackend } from './drivers/volume-backend.ts';
import { COLLECTOR_KEY, createBlockCollector } from './reconcilers/block-collector.ts';
import { createSnapshotReconciler } from './reconcilers/snapshot.ts';
import { createVolumeReconciler } from './reconcilers/volume.ts';
import { findAnyAccountKey } from './store/account-keys.ts';
import type { StorageSchema } from './store/schema.ts';

/** Disposing leaves the targets running, so that guests go on; the next start finds them again. */
export interface Storage extends AsyncDisposable {
  readonly client: StorageClient;
  readonly snapshots: SnapshotReader;
  readonly gates: GateKeeper;
  readonly snapshotWriter: SnapshotWriter;
  /** Ends every target, for a cloud that goes down. Volumes and intents stay: the next start exports again. */
  halt(): Promise<void>;
  /** No volume or snapshot is being worked on. */
  isQuiet(): boolean;
  /** Runs `work` while nothing is committed; keep it short. */
  whileQuiet<Result>(work: () => Promise<Result>): Promise<Result>;
  /** Holds every volume that has contents as it is now, for one who reads them all. */
  holdVolumes(): Promise<HeldVolumes>;
  /** Volumes that nobody has, open to who measures them. */
  readonly measured: MeasuredVolumes;
  /** Why nothing can be changed until the next start, for people; undefined while all is well. */
  readonly failure: string | undefined;
  /** Why nothing that is encrypted can be opened, for people; undefined while all is well. */
  readonly keyringProblem: string | undefined;
  /** The keyring, for other services. */
  readonly envelopes: Envelopes;
  /** Something here can be read with the keyring alone. */
  hasEncryption(): Promise<boolean>;
}

export interface StorageParts {
  database: Database<StorageSchema>;
  backend: VolumeBackend;
  staged: StagedBackends;
  /** Ends with the service. */
  privileged?: AsyncDisposable;
  target: BlockTarget;
  objects: ObjectsClient;
  compressor: Compressor;
  keys: EncryptionKeys;
  nearness?: Nearness;
  clock: Clock;
  random: RandomSource;
  logger: Logger;
  aroundStep: AroundStep;
  /** Where snapshots are served to storage daemons. */
  sourcesSocket: string;
}

/** So many points in time can be taken at once; uploads, which take long, have a limit of their own. */
const SNAPSHOTS_AT_A_TIME = 64;
/** One upload keeps a core busy with packing and digests. */
const UPLOADS_AT_A_TIME = 2;
/** Of snapshots that are written block by block: each keeps half a MiB, and the disk busy. */
const BLOCKS_AT_A_TIME = 8;

export async function runStorage(parts: StorageParts): Promise<Storage> {
  const runner = new ReconcilerRunner(parts);
  const listeners = new Set<() => void>();
  const handles: Partial<Record<'volume' | 'snapshot' | 'block', ReconcilerHandle>> = {};
  const context: StorageContext = {
    ...parts,
    locks: new VolumeLocks(),
    sources: new SourceGates(),
    filling: new Set(),
    measuring: new Map(),
    holds: new Set(),
    changed: () => {
      for (const listener of listeners) listener();
    },
    pokeVolume: (id: VolumeId) => handles.volume?.poke(id),
    pokeSnapshot: (id: SnapshotId) => handles.snapshot?.poke(id),
    pokeCollector: () => handles.block?.poke(COLLECTOR_KEY),
  };
  const { sourcesSocket } = parts;
  const find = (name: string) => findSource(context, name);
  const sources = parts.target.fillsLazily ? await serveSources(sourcesSocket, find) : undefined;
  await letGoOfForgottenPoints(context);
  await sweep(context);
  parts.target.onExit((id) => {
    parts.logger.warn('storage daemon ended by itself', { id });
    context.pokeVolume(id);
  });
  const snapshots = createSnapshotReconciler(context, new Slots(UPLOADS_AT_A_TIME));
  handles.snapshot = runner.add(snapshots, { concurrency: SNAPSHOTS_AT_A_TIME });
  handles.volume = runner.add(createVolumeReconciler(context));
  handles.block = runner.add(createBlockCollector(context));
  const measured = new MeasuredVolumes(context);
  const stop = onlyOnce(async () => {
    // What waits for a measured volume would be waited for.
    await measured[Symbol.asyncDispose]();
    await runner[Symbol.asyncDispose]();
  });
  return {
    client: createClient(context, listeners),
    snapshots: createSnapshotReader(context),
    gates: { findGate: (nodeId, attachment) => findGate(context, nodeId, attachment) },
    snapshotWriter: createSnapshotWriter(context, new Slots(BLOCKS_AT_A_TIME)),
    isQuiet: () => runner.isQuiet(),
    whileQuiet: (work) => parts.database.transaction(() => work()),
    holdVolumes: () => holdVolumes(context, parts.random),
    measured,
    get failure() {
      return parts.database.failure;
    },
    keyringProblem: parts.keys.problem,
    envelopes: parts.keys.envelopes,
    hasEncryption: async () => (await findAnyAccountKey(parts.database.query)) !== undefined,
    halt: async () => {
      await stop();
      context.sources.closeAll();
      const running = await parts.target.list();
      await Promise.all(running.map((id) => parts.target.stop(id)));
    },
    [Symbol.asyncDispose]: async () => {
      await stop();
      await sources?.[Symbol.asyncDispose]();
      await parts.target.detach();
      await parts.database[Symbol.asyncDispose]();
      await parts.privileged?.[Symbol.asyncDispose]();
    },
  };
}

function createClient(context: StorageContext, listeners: Set<() => void>): StorageClient {
  return {
    putIntents: (intent) => putIntents(context, intent),
    forget: (ids) => forgetAbsent(context, ids),
    getReport: () => buildReport(context),
    onChange: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}

function onlyOnce(work: () => Promise<void>): () => Promise<void> {
  let done: Promise<void> | undefined;
  return () => {
    done ??= work();
    return done;
  };
}
