// Owns the rows of nodes that have joined from other hosts.

import type { NodeId } from '@ironbark/core/ids.ts';
import type { Kysely, Selectable } from 'kysely';
import type { ClusterSchema, JoinedNodeTable } from './schema.ts';

export type JoinedNodeRow = Selectable<JoinedNodeTable>;
type Queries = Kysely<ClusterSchema>;

export function listJoinedNodes(db: Queries): Promise<JoinedNodeRow[]> {
  return db.selectFrom('joined_node').selectAll().orderBy('name').execute();
}

export function findJoinedByFingerprint(
  db: Queries,
  fingerprint: string,
): Promise<JoinedNodeRow | undefined> {
  return db
    .selectFrom('joined_node')
    .selectAll()
    .where('fingerprint', '=', fingerprint)
    .executeTakeFirst();
}

export function findJoinedByName(db: Queries, name: string): Promise<JoinedNodeRow | undefined> {
  return db.selectFrom('joined_node').selectAll().where('name', '=', name).executeTakeFirst();
}

export async function addJoinedNode(db: Queries, row: JoinedNodeRow): Promise<void> {
  await db.insertInto('joined_node').values(row).execute();
}

export async function deleteJoinedNode(db: Queries, id: NodeId): Promise<void> {
  await db.deleteFrom('joined_node').where('id', '=', id).execute();
}
