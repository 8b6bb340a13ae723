// Owns the composition of the Cluster Controller of one zone: state, reconcilers and the client that others use.

import { join } from 'node:path';
import type { NodeId } from '@ironbark/core/ids.ts';
import type { Clock } from '@ironbark/platform/clock.ts';
import type { Database, OpenDatabase } from '@ironbark/platform/database/database.ts';
import { openSqlite } from '@ironbark/platform/database/sqlite.ts';
import { ensureDirectory } from '@ironbark/platform/files.ts';
import type { Logger } from '@ironbark/platform/logger.ts';
import type { RandomSource } from '@ironbark/platform/random.ts';
import {
  type AroundStep,
  type ReconcilerHandle,
  ReconcilerRunner,
  takeStep,
} from '@ironbark/platform/reconciler.ts';
import type { ClusterClient } from '@ironbark/protocol/internal/cluster-client.ts';
import type { NodeClient } from '@ironbark/protocol/internal/node-client.ts';
import type { ClusterContext } from './app/context.ts';
import { NodeHealth } from './app/node-health.ts';
import {
  changesSince,
  describeNodes,
  getConsoleOutput,
  readFlows,
  readNetwork,
  readVolumes,
} from './app/nodes.ts';
import { forgetInstances, putInstances, putSubnets } from './app/placements.ts';
import { ReportRecorder } from './app/reports.ts';
import { changeVpcs, forgetVpcs, putVpcs } from './app/vpcs.ts';
import { type Joining, type JoiningOptions, openJoining } from './joining.ts';
import { createNodeIntentReconciler } from './reconcilers/node-intent.ts';
import { createNodeReportReconciler } from './reconcilers/node-report.ts';
import { ensureNode } from './store/nodes.ts';
import { CLUSTER_MIGRATIONS, type ClusterSchema } from './store/schema.ts';
import { VpcReader } from './store/vpcs.ts';

export interface ClusterOptions {
  /** The Cluster Controller's own folder; made when it is missing. */
  dataDir: string;
  /** The availability zone's name, for the log. */
  zone: string;
  /** Those of this host. */
  nodes: { nodeId: NodeId; client: NodeClient }[];
  /** Absent: no node on another host can join. */
  joining?: JoiningOptions;
  clock: Clock;
  random: RandomSource;
  logger: Logger;
  /** Tests keep the state elsewhere, and interfere with steps. */
  openDatabase?: OpenDatabase;
  aroundStep?: AroundStep;
}

/** Disposing stops watching the nodes; they go on with the documents that they have. */
export interface Cluster extends AsyncDisposable {
  readonly client: ClusterClient;
  /** What an administrator does with nodes; absent where none can join. */
  readonly joining?: Joining;
  /** No document is to be handed over and no report to be written down. */
  isQuiet(): boolean;
  /** Why nothing can be changed until the next start, for people; undefined while all is well. */
  readonly failure: string | undefined;
}

/** Nodes are asked side by side, so that some that hang do not make the others look lost. */
const NODES_AT_A_TIME = 256;

export async function startCluster(options: ClusterOptions): Promise<Cluster> {
  await ensureDirectory(options.dataDir);
  const path = join(options.dataDir, 'cluster.db');
  const openDatabase = options.openDatabase ?? openSqlite;
  const database = await openDatabase<ClusterSchema>({ path, migrations: CLUSTER_MIGRATIONS });
  try {
    await database.transaction(async (tx) => {
      for (const { nodeId } of options.nodes) await ensureNode(tx, nodeId);
    });
    return await runCluster(options, database);
  } catch (error) {
    await database[Symbol.asyncDispose]();
    throw error;
  }
}

async function runCluster(
  options: ClusterOptions,
  database: Database<ClusterSchema>,
): Promise<Cluster> {
  const logger = options.logger.child({ zone: options.zone });
  const runner = new ReconcilerRunner({ ...options, logger });
  const listeners = new Set<() => void>();
  const handles: { intent?: ReconcilerHandle; report?: ReconcilerHandle } = {};
  const nodes = new Map<NodeId, NodeClient>();
  const stopListening = new Map<NodeId, () => void>();
  let joining: Joining | undefined;
  let nodesGeneration = options.clock.nowMs();
  const context: ClusterContext = {
    database,
    logger,
    clock: options.clock,
    random: options.random,
    aroundStep: options.aroundStep ?? takeStep,
    nodes,
    findOwnAddress: () => joining?.ownAddress,
    isElsewhere: (id) => !options.nodes.some(({ nodeId }) => nodeId === id),
    addNode: (id, client) => {
      nodes.set(id, client);
      stopListening.set(
        id,
        client.onChange(() => context.pokeReport(id)),
      );
      context.pokeReport(id);
      context.pokeIntent(id);
    },
    removeNode: (id) => {
      stopListening.get(id)?.();
      stopListening.delete(id);
      nodes.delete(id);
    },
    health: new NodeHealth(options.clock),
    vpcs: new VpcReader(),
    changed: () => {
      for (const listener of listeners) listener();
    },
    get nodesGeneration() {
      return nodesGeneration;
    },
    nodesChanged: () => {
      nodesGeneration += 1;
      context.changed();
    },
    pokeIntent: (id) => handles.intent?.poke(id),
    pokeReport: (id) => handles.report?.poke(id),
  };
  const recorder = new ReportRecorder(context);
  const limits = { concurrency: NODES_AT_A_TIME };
  handles.intent = runner.add(createNodeIntentReconciler(context), limits);
  handles.report = runner.add(createNodeReportReconciler(context, recorder), limits);
  // First, because the first report of this host's own node says where others reach it.
  joining = options.joining && (await openJoining(context, options.joining));
  for (const { nodeId, client } of options.nodes) context.addNode(nodeId, client);
  return {
    client: createClient(context, recorder, listeners),
    ...(joining === undefined ? {} : { joining }),
    isQuiet: () => runner.isQuiet(),
    get failure() {
      return database.failure;
    },
    [Symbol.asyncDispose]: async () => {
      await joining?.[Symbol.asyncDispose]();
      for (const stop of stopListening.values()) stop();
      await runner[Symbol.asyncDispose]();
      await database[Symbol.asyncDispose]();
    },
  };
}

function createClient(
  context: ClusterContext,
  recorder: ReportRecorder,
  listeners: Set<() => void>,
): ClusterClient {
  return {
    putSubnets: (subnets) => putSubnets(context, subnets),
    putVpcs: (vpcs) => putVpcs(context, vpcs),
    changeVpcs: (changes) => changeVpcs(context, changes),
    forgetVpcs: (ids) => forgetVpcs(context, ids),
    putInstances: (placed) => putInstances(context, placed),
    forgetInstances: async (ids) => {
      await forgetInstances(context, ids);
      recorder.forget(ids);
    },
    describeNodes: (only) => describeNodes(context, only),
    changesSince: (cursor) => changesSince(context, cursor),
    getConsoleOutput: (id) => getConsoleOutput(context, id),
    readVolumes: () => readVolumes(context),
    readNetwork: () => readNetwork(context),
    readFlows: async (nodeId, after) => readFlows(context, nodeId, after),
    onChange: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}
