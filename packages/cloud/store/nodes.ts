// Owns the queries on nodes as the zone last described them.

import type { NodeId } from '@ironbark/core/ids.ts';
import type { NodeRow } from './schema.ts';
import type { Queries } from './store.ts';

export function listNodes(db: Queries): Promise<NodeRow[]> {
  return db.selectFrom('node').selectAll().orderBy('id').execute();
}

export function findNode(db: Queries, id: NodeId): Promise<NodeRow | undefined> {
  return db.selectFrom('node').selectAll().where('id', '=', id).executeTakeFirst();
}

/** Replaces what is known of the zone's nodes. Only rows that change are written: a zone has thousands. */
export async function replaceNodes(db: Queries, nodes: readonly NodeRow[]): Promise<void> {
  const known = await listNodes(db);
  const before = new Map(known.map((node) => [node.id, JSON.stringify(node)]));
  for (const node of nodes) {
    if (before.get(node.id) !== JSON.stringify(node)) await putNode(db, node);
    before.delete(node.id);
  }
  for (const id of before.keys()) await db.deleteFrom('node').where('id', '=', id).execute();
}

async function putNode(db: Queries, node: NodeRow): Promise<void> {
  await db
    .insertInto('node')
    .values(node)
    .onConflict((conflict) => conflict.column('id').doUpdateSet(node))
    .execute();
}
