// Owns the queries on nodes as the zone last described them.

import type { NodeId } from '@ironbark/core/ids.ts';
import { inParts } from './in-parts.ts';
import { dropUse, expectUse } from './node-use.ts';
import type { NodeRow } from './schema.ts';
import type { Queries } from './store.ts';

/** In the order of their ids. */
export async function findNodes(db: Queries, ids: readonly NodeId[]): Promise<NodeRow[]> {
  const rows = await inParts(ids, (some) =>
    db.selectFrom('node').selectAll().where('id', 'in', some).execute(),
  );
  return rows.sort((a, b) => (a.id < b.id ? -1 : 1));
}

export async function hasReadyNode(db: Queries): Promise<boolean> {
  const found = await db
    .selectFrom('node')
    .select('id')
    .where('health', '=', 'ready')
    .limit(1)
    .executeTakeFirst();
  return found !== undefined;
}

export function listNodes(db: Queries): Promise<NodeRow[]> {
  return db.selectFrom('node').selectAll().orderBy('id').execute();
}

export function findNode(db: Queries, id: NodeId): Promise<NodeRow | undefined> {
  return db.selectFrom('node').selectAll().where('id', '=', id).executeTakeFirst();
}

/** Replaces what is known of the zone's nodes. Only rows that change are written: a zone has thousands. */
export async function replaceNodes(db: Queries, nodes: readonly NodeRow[]): Promise<void> {
  const known = await listNodes(db);
  const before = new Map(known.map((node) => [node.id, node]));
  for (const node of nodes) {
    await putNodeAfter(db, before.get(node.id), node);
    before.delete(node.id);
  }
  for (const id of before.keys()) {
    await db.deleteFrom('node').where('id', '=', id).execute();
    await dropUse(db, id);
  }
}

/** The same for some of them; what is known of the others stays. */
export async function putNodes(db: Queries, nodes: readonly NodeRow[]): Promise<void> {
  for (const node of nodes) await putNodeAfter(db, await findNode(db, node.id), node);
}

async function putNodeAfter(
  db: Queries,
  before: NodeRow | undefined,
  node: NodeRow,
): Promise<void> {
  if (JSON.stringify(before) === JSON.stringify(node)) return;
  await putNode(db, node);
  if (before?.memoryMib !== node.memoryMib) await expectUse(db, node.id);
}

async function putNode(db: Queries, node: NodeRow): Promise<void> {
  await db
    .insertInto('node')
    .values(node)
    .onConflict((conflict) => conflict.column('id').doUpdateSet(node))
    .execute();
}
