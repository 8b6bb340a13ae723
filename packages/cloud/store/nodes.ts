// Owns the queries on nodes as the zone last described them.

import type { NodeRow } from './schema.ts';
import type { Queries } from './store.ts';

export function listNodes(db: Queries): Promise<NodeRow[]> {
  return db.selectFrom('node').selectAll().orderBy('id').execute();
}

/** Replaces what is known of the zone's nodes. */
export async function replaceNodes(db: Queries, nodes: readonly NodeRow[]): Promise<void> {
  await db.deleteFrom('node').execute();
  for (const node of nodes) await db.insertInto('node').values(node).execute();
}
