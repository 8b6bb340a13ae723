// Owns the rows of nodes: which document each should have, and what it last said of itself.

import type { NodeId } from '@ironbark/core/ids.ts';
import type { NodeReport } from '@ironbark/protocol/internal/instance-messages.ts';
import type { Kysely, Selectable } from 'kysely';
import type { ClusterSchema, NodeTable } from './schema.ts';

export type NodeRow = Selectable<NodeTable>;
export type NodeSummaryRecord = Omit<NodeReport, 'instances' | 'reportedAt'>;
type Queries = Kysely<ClusterSchema>;

export function summaryOf({ summary }: NodeRow): NodeSummaryRecord | undefined {
  return summary === null ? undefined : (JSON.parse(summary) as NodeSummaryRecord);
}

export async function ensureNode(db: Queries, id: NodeId): Promise<void> {
  await db
    .insertInto('node')
    .values({ id, intent_generation: 0, reported_generation: 0, summary: null, is_draining: 0 })
    .onConflict((conflict) => conflict.column('id').doNothing())
    .execute();
}

export function findNode(db: Queries, id: NodeId): Promise<NodeRow | undefined> {
  return db.selectFrom('node').selectAll().where('id', '=', id).executeTakeFirst();
}

/** All of them, or those of `only`. */
export function listNodes(db: Queries, only?: readonly NodeId[]): Promise<NodeRow[]> {
  const query = db.selectFrom('node').selectAll().orderBy('id');
  return (only === undefined ? query : query.where('id', 'in', only)).execute();
}

/**
 * Gives nodes' documents a new generation; when `ids` is absent, those of all nodes that have one. It is never below the time in
 * milliseconds, so that a node takes documents of a store that was made anew, or brought back from a copy,
 * for newer than the ones that it has.
 */
export async function bumpIntents(
  db: Queries,
  nowMs: number,
  ids?: readonly NodeId[],
): Promise<void> {
  if (ids?.length === 0) return;
  let update = db.updateTable('node').set((eb) => ({
    intent_generation: eb
      .case()
      .when('intent_generation', '<', nowMs)
      .then(nowMs)
      .else(eb('intent_generation', '+', 1))
      .end(),
  }));
  if (ids === undefined) update = update.where('intent_generation', '>', 0);
  else update = update.where('id', 'in', [...ids]);
  await update.execute();
}

export async function recordReport(
  db: Queries,
  id: NodeId,
  summary: NodeSummaryRecord,
): Promise<void> {
  await db
    .updateTable('node')
    .set({ reported_generation: summary.intentGeneration, summary: JSON.stringify(summary) })
    .where('id', '=', id)
    .execute();
}

export async function setDraining(db: Queries, id: NodeId, isDraining: boolean): Promise<void> {
  await db
    .updateTable('node')
    .set({ is_draining: isDraining ? 1 : 0 })
    .where('id', '=', id)
    .execute();
}

/** With all that it was to end. */
export async function deleteNode(db: Queries, id: NodeId): Promise<void> {
  await db.deleteFrom('left_instance').where('node_id', '=', id).execute();
  await db.deleteFrom('node').where('id', '=', id).execute();
}
