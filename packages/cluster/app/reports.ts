// Owns writing down what nodes report: only what has changed, each change with the next number.

import type { InstanceId, NodeId } from '@ironbark/core/ids.ts';
import type {
  InstanceObservation,
  NodeReport,
} from '@ironbark/protocol/internal/instance-messages.ts';
import type { Kysely } from 'kysely';
import { endLeftInstance } from '../store/left-instances.ts';
import {
  bumpIntents,
  findNode,
  type NodeSummaryRecord,
  recordReport,
  summaryOf,
} from '../store/nodes.ts';
import { findObservation, putObservation } from '../store/observations.ts';
import { findPlace } from '../store/placed-instances.ts';
import type { ClusterSchema } from '../store/schema.ts';
import { nextChange } from '../store/zone.ts';
import type { ClusterContext } from './context.ts';

interface Candidate extends Pick<InstanceObservation, 'id' | 'power' | 'heardGeneration'> {
  observation: string;
}

/**
 * All other nodes look at their networks when one is elsewhere. A node moves with its host's configuration, and then once;
 * one whose word about it changes more often is believed again after this time.
 */
const MOVE_PERIOD_MS = 60_000;

/** What the store holds, so that a report of a thousand settled instances reads no rows. */
export class ReportRecorder {
  readonly #context: ClusterContext;
  readonly #recorded = new Map<InstanceId, { nodeId: NodeId; observation: string }>();
  readonly #summaries = new Map<NodeId, string>();
  readonly #places = new Map<NodeId, { address: string | undefined; movedMs: number }>();

  constructor(context: ClusterContext) {
    this.#context = context;
  }

  async record(nodeId: NodeId, report: NodeReport): Promise<void> {
    const { instances, reportedAt: _reportedAt, ...said } = report;
    const summary = this.#placed(nodeId, said);
    const candidates = instances
      .map((each): Candidate => ({ ...each, observation: JSON.stringify(each) }))
      .filter((each) => !this.#isRecorded(nodeId, each));
    this.#context.health.hear(nodeId, summary);
    const summaryIsNews = this.#summaries.get(nodeId) !== essenceOf(summary);
    if (candidates.length === 0 && !summaryIsNews) return;
    const write = () =>
      this.#context.database.transaction(async (tx) => {
        // It was removed while it spoke: what was written of its instances then stands.
        if ((await findNode(tx, nodeId)) === undefined) return undefined;
        const hasMoved = summaryIsNews && (await this.#recordSummary(tx, nodeId, summary));
        const seen = await recordObservations(tx, nodeId, candidates);
        // Its document has more to end than is left there.
        if (seen.hasEnded) await bumpIntents(tx, this.#context.clock.nowMs(), [nodeId]);
        return { hasMoved, ...seen };
      });
    const recorded = await this.#context.aroundStep('node-report/record', write);
    if (recorded === undefined) return;
    this.#summaries.set(nodeId, essenceOf(summary));
    for (const each of recorded.same) this.#remember(nodeId, each);
    for (const each of recorded.news) this.#remember(nodeId, each);
    if (recorded.news.length > 0) this.#context.changed();
    if (recorded.hasEnded) this.#context.pokeIntent(nodeId);
    const concerned = recorded.hasMoved ? this.#context.nodes.keys() : [nodeId];
    if (summaryIsNews) for (const id of concerned) this.#context.pokeIntent(id);
  }

  forget(ids: readonly InstanceId[]): void {
    for (const id of ids) this.#recorded.delete(id);
  }

  /** With the address that it had where it says another one too soon. */
  #placed(nodeId: NodeId, summary: NodeSummaryRecord): NodeSummaryRecord {
    const { underlayAddress: address, ...rest } = summary;
    const nowMs = this.#context.clock.monotonicMs();
    const known = this.#places.get(nodeId);
    if (known?.address === address && known !== undefined) return summary;
    if (known !== undefined && nowMs - known.movedMs < MOVE_PERIOD_MS) {
      return known.address === undefined ? rest : { ...rest, underlayAddress: known.address };
    }
    const movedMs = known === undefined ? Number.NEGATIVE_INFINITY : nowMs;
    this.#places.set(nodeId, { address, movedMs });
    if (known !== undefined) {
      this.#context.logger.info('a node has another address', { id: nodeId, address });
    }
    return summary;
  }

  /** Which VPCs are in its document depends on its network. True when the others reach it elsewhere than before. */
  async #recordSummary(
    tx: Kysely<ClusterSchema>,
    nodeId: NodeId,
    summary: NodeSummaryRecord,
  ): Promise<boolean> {
    const row = await findNode(tx, nodeId);
    const before = row === undefined ? undefined : summaryOf(row);
    await recordReport(tx, nodeId, summary);
    const nowMs = this.#context.clock.nowMs();
    // Whoever has ports of the same VPCs has to know where it is now.
    const hasMoved = before?.underlayAddress !== summary.underlayAddress;
    if (hasMoved) await bumpIntents(tx, nowMs);
    const isOther = before !== undefined && before.network !== summary.network;
    if (isOther && row!.intent_generation > 0) await bumpIntents(tx, nowMs, [nodeId]);
    return hasMoved;
  }

  #isRecorded(nodeId: NodeId, candidate: Candidate): boolean {
    const known = this.#recorded.get(candidate.id);
    return known?.nodeId === nodeId && known.observation === candidate.observation;
  }

  #remember(nodeId: NodeId, { id, observation }: Candidate): void {
    this.#recorded.set(id, { nodeId, observation });
  }
}

/**
 * Instances that are not placed on the node, or not any more, are none of this zone's news; nor is what it says of one that
 * has left it and come back, as long as it has not heard of that.
 */
async function recordObservations(
  tx: Kysely<ClusterSchema>,
  nodeId: NodeId,
  candidates: readonly Candidate[],
): Promise<{ news: Candidate[]; same: Candidate[]; hasEnded: boolean }> {
  const news: Candidate[] = [];
  const same: Candidate[] = [];
  let hasEnded = false;
  for (const candidate of candidates) {
    const { id, observation } = candidate;
    const place = await findPlace(tx, id);
    if (place?.node_id !== nodeId) {
      if (await noteEnd(tx, nodeId, candidate)) hasEnded = true;
      continue;
    }
    if (candidate.heardGeneration < place.since_generation) continue;
    const known = await findObservation(tx, id);
    if (known?.node_id === nodeId && known.observation === observation) {
      same.push(candidate);
      continue;
    }
    const change = await nextChange(tx);
    await putObservation(tx, { id, node_id: nodeId, observation, change_sequence: change });
    news.push(candidate);
  }
  return { news, same, hasEnded };
}

/** True when an instance that is elsewhere now has nothing left on the node. */
async function noteEnd(
  tx: Kysely<ClusterSchema>,
  nodeId: NodeId,
  { id, power, heardGeneration: generation }: Candidate,
): Promise<boolean> {
  return power === 'terminated' && (await endLeftInstance(tx, nodeId, { id, generation }));
}

/** Free space changes with every report and is worth no write; the newest is kept in memory. */
function essenceOf(summary: NodeSummaryRecord): string {
  return JSON.stringify({ ...summary, capacity: { ...summary.capacity, diskFreeBytes: 0 } });
}
