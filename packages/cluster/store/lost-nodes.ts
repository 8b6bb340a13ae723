// Owns the rows of nodes that were removed as lost.

import type { Kysely, Selectable } from 'kysely';
import type { ClusterSchema, LostNodeTable } from './schema.ts';

export type LostNodeRow = Selectable<LostNodeTable>;
type Queries = Kysely<ClusterSchema>;

export async function addLostNode(db: Queries, row: LostNodeRow): Promise<void> {
  await db.insertInto('lost_node').values(row).execute();
}

export async function isLostNode(db: Queries, fingerprint: string): Promise<boolean> {
  const row = await db
    .selectFrom('lost_node')
    .select('id')
    .where('fingerprint', '=', fingerprint)
    .executeTakeFirst();
  return row !== undefined;
}
