// Owns the rows of placed instances: each one's newest intent, and the node that it is for.

import type { InstanceId, NodeId } from '@ironbark/core/ids.ts';
import type { PlacedInstance } from '@ironbark/protocol/internal/cluster-client.ts';
import type { InstanceIntent } from '@ironbark/protocol/internal/instance-messages.ts';
import type { Kysely } from 'kysely';
import { deleteLeftInstance, putLeftInstance } from './left-instances.ts';
import { findNode } from './nodes.ts';
import type { ClusterSchema } from './schema.ts';

type Queries = Kysely<ClusterSchema>;

/**
 * The nodes whose documents change by it; none when the intent is not news. Where it was before has what is left of it to
 * end, and none of its words about it counts from then on.
 */
export async function putPlacedInstance(db: Queries, placed: PlacedInstance): Promise<NodeId[]> {
  const { intent, nodeId } = placed;
  const known = await db
    .selectFrom('placed_instance')
    .select(['node_id', 'generation', 'intent', 'forgotten_at', 'since_generation'])
    .where('id', '=', intent.id)
    .executeTakeFirst();
  if (
    known !== undefined &&
    (known.forgotten_at !== null || known.generation >= intent.generation)
  ) {
    return [];
  }
  const hasMoved = known !== undefined && known.node_id !== nodeId;
  const row = {
    id: intent.id,
    node_id: nodeId,
    generation: intent.generation,
    intent: JSON.stringify(intent),
    forgotten_at: null,
    since_generation: hasMoved ? intent.generation : (known?.since_generation ?? 0),
  };
  await db
    .insertInto('placed_instance')
    .values(row)
    .onConflict((conflict) => conflict.column('id').doUpdateSet(row))
    .execute();
  if (!hasMoved) return [nodeId];
  await deleteLeftInstance(db, { nodeId, id: intent.id });
  await leaveNode(db, known, intent);
  return [nodeId, known.node_id];
}

/** A node that is none any more has nothing to be told. */
async function leaveNode(
  db: Queries,
  before: { node_id: NodeId; intent: string },
  { id, generation }: Pick<InstanceIntent, 'id' | 'generation'>,
): Promise<void> {
  if ((await findNode(db, before.node_id)) === undefined) return;
  const known = JSON.parse(before.intent) as InstanceIntent;
  const ending: InstanceIntent = { ...known, generation, power: 'terminated', volumes: [] };
  const intent = JSON.stringify(ending);
  await putLeftInstance(db, { node_id: before.node_id, id, generation, intent });
}

export async function listIntents(db: Queries, nodeId: NodeId): Promise<InstanceIntent[]> {
  const rows = await db
    .selectFrom('placed_instance')
    .select('intent')
    .where('node_id', '=', nodeId)
    .where('forgotten_at', 'is', null)
    .orderBy('id')
    .execute();
  return rows.map((row) => JSON.parse(row.intent) as InstanceIntent);
}

export async function findPlacement(db: Queries, id: InstanceId): Promise<NodeId | undefined> {
  const row = await db
    .selectFrom('placed_instance')
    .select('node_id')
    .where('id', '=', id)
    .where('forgotten_at', 'is', null)
    .executeTakeFirst();
  return row?.node_id;
}

/** Whose word counts: that of this node, of an intent at least as new. */
export function findPlace(
  db: Queries,
  id: InstanceId,
): Promise<{ node_id: NodeId; since_generation: number } | undefined> {
  return db
    .selectFrom('placed_instance')
    .select(['node_id', 'since_generation'])
    .where('id', '=', id)
    .where('forgotten_at', 'is', null)
    .executeTakeFirst();
}

export async function listPlacedOn(db: Queries, nodeId: NodeId): Promise<InstanceId[]> {
  const rows = await db
    .selectFrom('placed_instance')
    .select('id')
    .where('node_id', '=', nodeId)
    .where('forgotten_at', 'is', null)
    .execute();
  return rows.map(({ id }) => id);
}

/** Instances that are there, whether they run or not. */
export async function countPlacedOn(db: Queries, nodeId: NodeId): Promise<number> {
  const { count } = await db
    .selectFrom('placed_instance')
    .select((eb) => eb.fn.countAll<number>().as('count'))
    .where('node_id', '=', nodeId)
    .where('forgotten_at', 'is', null)
    .executeTakeFirstOrThrow();
  return Number(count);
}

/** Hides an instance. Its id stays known, so that a late intent revives nothing. */
export async function forgetPlacedInstance(
  db: Queries,
  id: InstanceId,
  nowMs: number,
): Promise<void> {
  await db
    .updateTable('placed_instance')
    .set({ forgotten_at: nowMs })
    .where('id', '=', id)
    .where('forgotten_at', 'is', null)
    .execute();
}

/** It is off and over, and its node is to end what it has of it. */
export async function leavePlacedInstance(db: Queries, id: InstanceId): Promise<void> {
  const known = await db
    .selectFrom('placed_instance')
    .select(['node_id', 'generation', 'intent'])
    .where('id', '=', id)
    .executeTakeFirstOrThrow();
  await leaveNode(db, known, { id, generation: known.generation + 1 });
}

export async function purgeForgottenInstances(db: Queries, beforeMs: number): Promise<void> {
  await db.deleteFrom('placed_instance').where('forgotten_at', '<', beforeMs).execute();
}
