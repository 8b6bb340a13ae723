// Owns what was seen of instances, in the order in which it changed.

import type { InstanceId } from '@ironbark/core/ids.ts';
import type { ZoneObservation } from '@ironbark/protocol/internal/cluster-client.ts';
import type { InstanceObservation } from '@ironbark/protocol/internal/instance-messages.ts';
import type { Kysely, Selectable } from 'kysely';
import type { ClusterSchema, ObservationTable } from './schema.ts';

export type ObservationRow = Selectable<ObservationTable>;
type Queries = Kysely<ClusterSchema>;

export function findObservation(db: Queries, id: InstanceId): Promise<ObservationRow | undefined> {
  return db.selectFrom('observation').selectAll().where('id', '=', id).executeTakeFirst();
}

export async function putObservation(db: Queries, row: ObservationRow): Promise<void> {
  await db
    .insertInto('observation')
    .values(row)
    .onConflict((conflict) => conflict.column('id').doUpdateSet(row))
    .execute();
}

export async function removeObservation(db: Queries, id: InstanceId): Promise<void> {
  await db.deleteFrom('observation').where('id', '=', id).execute();
}

export async function listChangesAfter(db: Queries, cursor: number): Promise<ZoneObservation[]> {
  const rows = await db
    .selectFrom('observation')
    .leftJoin('node', 'node.id', 'observation.node_id')
    .select(['observation.node_id', 'observation.observation', 'node.id as known_node'])
    .where('change_sequence', '>', cursor)
    .orderBy('change_sequence')
    .execute();
  return rows.map((row) => ({
    nodeId: row.node_id,
    observation: JSON.parse(row.observation) as InstanceObservation,
    ...(row.known_node === null ? { isNodeGone: true as const } : {}),
  }));
}
