// Owns the rows of instances that have left a node for another one, until the node has said that it has nothing of them.

import type { InstanceId, NodeId } from '@ironbark/core/ids.ts';
import type { InstanceIntent } from '@ironbark/protocol/internal/instance-messages.ts';
import type { Kysely, Selectable } from 'kysely';
import type { ClusterSchema, LeftInstanceTable } from './schema.ts';

type LeftInstanceRow = Selectable<LeftInstanceTable>;
type Queries = Kysely<ClusterSchema>;

export async function putLeftInstance(db: Queries, row: LeftInstanceRow): Promise<void> {
  await db
    .insertInto('left_instance')
    .values(row)
    .onConflict((conflict) => conflict.columns(['node_id', 'id']).doUpdateSet(row))
    .execute();
}

/** What the node is to end. */
export async function listLeftIntents(db: Queries, nodeId: NodeId): Promise<InstanceIntent[]> {
  const rows = await db
    .selectFrom('left_instance')
    .select('intent')
    .where('node_id', '=', nodeId)
    .orderBy('id')
    .execute();
  return rows.map((row) => JSON.parse(row.intent) as InstanceIntent);
}

/** It has come back. */
export async function deleteLeftInstance(
  db: Queries,
  { nodeId, id }: { nodeId: NodeId; id: InstanceId },
): Promise<void> {
  await db.deleteFrom('left_instance').where('node_id', '=', nodeId).where('id', '=', id).execute();
}

/** The node has ended it, of this generation. False when it was to end no such one. */
export async function endLeftInstance(
  db: Queries,
  nodeId: NodeId,
  { id, generation }: { id: InstanceId; generation: number },
): Promise<boolean> {
  const rows = await db
    .deleteFrom('left_instance')
    .where('node_id', '=', nodeId)
    .where('id', '=', id)
    .where('generation', '<=', generation)
    .returning('id')
    .execute();
  return rows.length > 0;
}
