// Owns the rows of placed instances: each one's newest intent, and the node that it is for.

import type { InstanceId, NodeId } from '@ironbark/core/ids.ts';
import type { PlacedInstance } from '@ironbark/protocol/internal/cluster-client.ts';
import type { InstanceIntent } from '@ironbark/protocol/internal/instance-messages.ts';
import type { Kysely } from 'kysely';
import type { ClusterSchema } from './schema.ts';

type Queries = Kysely<ClusterSchema>;

/** The nodes whose documents change by it; none when the intent is not news. */
export async function putPlacedInstance(db: Queries, placed: PlacedInstance): Promise<NodeId[]> {
  const { intent, nodeId } = placed;
  const known = await db
    .selectFrom('placed_instance')
    .select(['node_id', 'generation', 'forgotten_at'])
    .where('id', '=', intent.id)
    .executeTakeFirst();
  if (
    known !== undefined &&
    (known.forgotten_at !== null || known.generation >= intent.generation)
  ) {
    return [];
  }
  const row = {
    id: intent.id,
    node_id: nodeId,
    generation: intent.generation,
    intent: JSON.stringify(intent),
    forgotten_at: null,
  };
  await db
    .insertInto('placed_instance')
    .values(row)
    .onConflict((conflict) => conflict.column('id').doUpdateSet(row))
    .execute();
  return known === undefined || known.node_id === nodeId ? [nodeId] : [nodeId, known.node_id];
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

export async function purgeForgottenInstances(db: Queries, beforeMs: number): Promise<void> {
  await db.deleteFrom('placed_instance').where('forgotten_at', '<', beforeMs).execute();
}
