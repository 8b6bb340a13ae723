// Owns what the rooms of the Cluster Controller share.

import type { NodeId } from '@ironbark/core/ids.ts';
import type { Clock } from '@ironbark/platform/clock.ts';
import type { Database } from '@ironbark/platform/database/database.ts';
import type { Logger } from '@ironbark/platform/logger.ts';
import type { RandomSource } from '@ironbark/platform/random.ts';
import type { AroundStep } from '@ironbark/platform/reconciler.ts';
import type { NodeClient } from '@ironbark/protocol/internal/node-client.ts';
import type { ClusterSchema } from '../store/schema.ts';
import type { VpcReader } from '../store/vpcs.ts';
import type { NodeHealth } from './node-health.ts';

export interface ClusterContext {
  database: Database<ClusterSchema>;
  nodes: ReadonlyMap<NodeId, NodeClient>;
  health: NodeHealth;
  vpcs: VpcReader;
  clock: Clock;
  random: RandomSource;
  logger: Logger;
  aroundStep: AroundStep;
  /** Tells listeners that there is something new. */
  changed(): void;
  /** Raised when another set of nodes takes new instances; of another start it is another one. */
  readonly nodesGeneration: number;
  /** It is another set, and listeners are told. */
  nodesChanged(): void;
  /** IPv4 of this host, by which others reach it; undefined while none is known. */
  findOwnAddress(): string | undefined;
  /** It is on another host than the volumes. */
  isElsewhere(id: NodeId): boolean;
  /** Its rows are there; from now on it is asked. */
  addNode(id: NodeId, client: NodeClient): void;
  removeNode(id: NodeId): void;
  /** Hints that now is a good time to hand over a node's document, or to fetch its report. */
  pokeIntent(id: NodeId): void;
  pokeReport(id: NodeId): void;
}
