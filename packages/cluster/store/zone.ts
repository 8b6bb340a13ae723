// Owns the zone's own row: its subnets, and the number of the newest change.

import type { SubnetIntent } from '@ironbark/protocol/internal/instance-messages.ts';
import type { Kysely } from 'kysely';
import type { ClusterSchema } from './schema.ts';

type Queries = Kysely<ClusterSchema>;

/** False when the subnets were so before. */
export async function putZoneSubnets(db: Queries, subnets: SubnetIntent[]): Promise<boolean> {
  const json = JSON.stringify(subnets);
  const { numUpdatedRows } = await db
    .updateTable('zone')
    .set({ subnets: json })
    .where('subnets', '!=', json)
    .executeTakeFirst();
  return numUpdatedRows > 0n;
}

export async function getZoneSubnets(db: Queries): Promise<SubnetIntent[]> {
  const row = await db.selectFrom('zone').select('subnets').executeTakeFirstOrThrow();
  return JSON.parse(row.subnets) as SubnetIntent[];
}

export async function getChangeSequence(db: Queries): Promise<number> {
  const row = await db.selectFrom('zone').select('change_sequence').executeTakeFirstOrThrow();
  return row.change_sequence;
}

export async function nextChange(db: Queries): Promise<number> {
  const row = await db
    .updateTable('zone')
    .set((eb) => ({ change_sequence: eb('change_sequence', '+', 1) }))
    .returning('change_sequence')
    .executeTakeFirstOrThrow();
  return row.change_sequence;
}
