// Owns the row of the door that nodes on other hosts come to.

import type { Kysely, Selectable } from 'kysely';
import type { ClusterSchema, DoorTable } from './schema.ts';

export type DoorRow = Selectable<DoorTable>;
type Queries = Kysely<ClusterSchema>;

export function findDoor(db: Queries): Promise<DoorRow | undefined> {
  return db.selectFrom('door').selectAll().executeTakeFirst();
}

export async function putDoor(db: Queries, row: DoorRow): Promise<void> {
  await db
    .insertInto('door')
    .values(row)
    .onConflict((conflict) => conflict.column('id').doUpdateSet(row))
    .execute();
}
