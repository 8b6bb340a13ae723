// Owns the SQL of gateways: which are alive, what they still read, and who takes over from one that is gone.

import { type Kysely, sql } from 'kysely';
import type { GatewayTable, ObjectsSchema, Tx } from './schema.ts';

type Queries = Kysely<ObjectsSchema>;

/** One that was taken for dead is there again. A beat that comes late takes nothing back. */
export async function putBeat(db: Queries, row: GatewayTable): Promise<void> {
  const { beat, oldest_read } = row;
  await db
    .insertInto('gateway')
    .values(row)
    .onConflict((conflict) =>
      conflict.column('id').doUpdateSet({ beat, oldest_read }).where('gateway.beat', '<=', beat),
    )
    .execute();
}

export async function listGateways(db: Queries): Promise<GatewayTable[]> {
  return await db.selectFrom('gateway').selectAll().execute();
}

/** Only if it has not been heard of since. */
export async function deleteGateway(
  db: Queries,
  { id, beat }: Pick<GatewayTable, 'id' | 'beat'>,
): Promise<void> {
  await db.deleteFrom('gateway').where('id', '=', id).where('beat', '<=', beat).execute();
}

/** What is unfinished and belongs to nobody who is alive becomes this one's. False where there is nothing. */
export async function takeOverBlobs(tx: Tx, gatewayId: string): Promise<boolean> {
  const result = await tx
    .updateTable('blob')
    .set({ gateway_id: gatewayId })
    .where('state', 'in', ['uploading', 'doomed'])
    // As the index has it.
    .where('state', '!=', sql.lit('stored'))
    .where((eb) =>
      eb.or([
        eb('gateway_id', 'is', null),
        eb('gateway_id', 'not in', eb.selectFrom('gateway').select('id')),
      ]),
    )
    .executeTakeFirst();
  return result.numUpdatedRows > 0n;
}

/** The name of this state; `made` is kept where it has none. */
export async function ensureStoreName(tx: Tx, made: string): Promise<string> {
  const row = await tx.selectFrom('store_name').select('name').executeTakeFirst();
  if (row !== undefined) return row.name;
  await tx.insertInto('store_name').values({ name: made }).execute();
  return made;
}
