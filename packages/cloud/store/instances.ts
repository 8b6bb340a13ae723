// Owns the queries on instances.

import type { AccountId, InstanceId, NodeId, ReservationId } from '@ironbark/core/ids.ts';
import type { Insertable, Updateable } from 'kysely';
import { inParts } from './in-parts.ts';
import { LISTED_COLUMNS, type ListedInstance } from './listed-instances.ts';
import { markUseStale, USE_COLUMNS } from './node-use.ts';
import { addUse } from './quotas.ts';
import type { InstanceRow, InstanceTable } from './schema.ts';
import type { Queries } from './store.ts';

export function listInstances(db: Queries, accountId: AccountId): Promise<InstanceRow[]> {
  return db.selectFrom('instance').selectAll().where('accountId', '=', accountId).execute();
}

export async function findInstances(
  db: Queries,
  accountId: AccountId,
  ids: readonly InstanceId[],
): Promise<InstanceRow[]> {
  // Whose they are is looked at here: with several ids SQLite would go through all of the account's instead.
  const rows = await inParts(ids, (some) =>
    db.selectFrom('instance').selectAll().where('id', 'in', some).execute(),
  );
  return rows.filter((row) => row.accountId === accountId);
}

/** Whose they are; those that are gone are missing. */
export function listOwners(
  db: Queries,
  ids: readonly InstanceId[],
): Promise<Pick<InstanceRow, 'id' | 'accountId'>[]> {
  return inParts(ids, (some) =>
    db.selectFrom('instance').select(['id', 'accountId']).where('id', 'in', some).execute(),
  );
}

/** Where a listing goes on: after this instance, in the order of {@link listInstancesAfter}. */
export type InstancePlace = Pick<InstanceRow, 'createdAt' | 'reservationId' | 'id'>;

/** The oldest first, and those of one reservation together. */
export function listInstancesAfter(
  db: Queries,
  accountId: AccountId,
  after: InstancePlace | undefined,
  limit: number,
): Promise<ListedInstance[]> {
  let query = db.selectFrom('instance').select(LISTED_COLUMNS).where('accountId', '=', accountId);
  if (after !== undefined) {
    const { createdAt, reservationId, id } = after;
    query = query.where((e) =>
      e(e.refTuple('createdAt', 'reservationId', 'id'), '>', e.tuple(createdAt, reservationId, id)),
    );
  }
  return query.orderBy('createdAt').orderBy('reservationId').orderBy('id').limit(limit).execute();
}

export async function listReservationsMembers(
  db: Queries,
  accountId: AccountId,
  ids: readonly ReservationId[],
): Promise<InstanceId[]> {
  const rows = await db
    .selectFrom('instance')
    .select(['id', 'accountId'])
    .where('reservationId', 'in', ids)
    .execute();
  return rows.filter((row) => row.accountId === accountId).map((row) => row.id);
}

export function findInstance(db: Queries, id: InstanceId): Promise<InstanceRow | undefined> {
  return db.selectFrom('instance').selectAll().where('id', '=', id).executeTakeFirst();
}

export function listInstancesOf(db: Queries, id: ReservationId): Promise<InstanceRow[]> {
  return db
    .selectFrom('instance')
    .selectAll()
    .where('reservationId', '=', id)
    .orderBy('launchIndex')
    .execute();
}

/** Instances that ask for a node, oldest first. */
export function listUnplaced(db: Queries): Promise<InstanceRow[]> {
  return db
    .selectFrom('instance')
    .selectAll()
    .where('nodeId', 'is', null)
    .where('desiredPower', '=', 'running')
    .orderBy('createdAt')
    .orderBy('id')
    .execute();
}

export async function listUnforgottenIds(db: Queries): Promise<InstanceId[]> {
  const rows = await db
    .selectFrom('instance')
    .select('id')
    .where('forgottenAt', 'is', null)
    .execute();
  return rows.map((row) => row.id);
}

/** Unforgotten instances that have not got to what is desired of them; the others need no look. */
export async function listUnsettledIds(db: Queries): Promise<InstanceId[]> {
  const rows = await db
    .selectFrom('instance')
    .select('id')
    .where('forgottenAt', 'is', null)
    .where((e) =>
      e.or([
        e('observedPower', 'is', null),
        e('observedPower', '!=', e.ref('desiredPower')),
        e('observedGeneration', '<', e.ref('generation')),
        e('desiredPower', '=', 'terminated'),
      ]),
    )
    .execute();
  return rows.map((row) => row.id);
}

export async function insertInstance(
  db: Queries,
  instance: Insertable<InstanceTable>,
): Promise<void> {
  await db.insertInto('instance').values(instance).execute();
  const { accountId, desiredPower, vcpus } = instance;
  if (desiredPower === 'running') await addUse(db, accountId, 'runningVcpus', vcpus);
}

export async function updateInstance(
  db: Queries,
  id: InstanceId,
  values: Updateable<InstanceTable>,
): Promise<void> {
  if (values.desiredPower !== undefined) await countPower(db, id, values.desiredPower as string);
  await db.updateTable('instance').set(values).where('id', '=', id).execute();
  if (USE_COLUMNS.some((column) => Object.hasOwn(values, column))) await markUseStale(db, id);
}

async function countPower(db: Queries, id: InstanceId, desired: string): Promise<void> {
  const before = await findInstance(db, id);
  if (before === undefined) return;
  const { accountId, vcpus, desiredPower } = before;
  const change = Number(desired === 'running') - Number(desiredPower === 'running');
  if (change !== 0) await addUse(db, accountId, 'runningVcpus', change * vcpus);
}

/** Says that what the node is told of the instance has changed. */
export async function raiseGeneration(db: Queries, id: InstanceId): Promise<number> {
  const row = await db
    .updateTable('instance')
    .set((e) => ({ generation: e('generation', '+', 1) }))
    .where('id', '=', id)
    .returning('generation')
    .executeTakeFirstOrThrow();
  return row.generation;
}

export async function placeInstance(db: Queries, id: InstanceId, nodeId: NodeId): Promise<void> {
  await db
    .updateTable('instance')
    .set((e) => ({ nodeId, generation: e('generation', '+', 1) }))
    .where('id', '=', id)
    .execute();
  await markUseStale(db, id);
}

/** Nothing of it is left at its node. */
export async function unplaceInstance(db: Queries, id: InstanceId): Promise<void> {
  await markUseStale(db, id);
  await db
    .updateTable('instance')
    .set((e) => ({ nodeId: null, generation: e('generation', '+', 1) }))
    .where('id', '=', id)
    .execute();
}

export async function insertReservation(
  db: Queries,
  reservation: { id: ReservationId; accountId: AccountId; createdAt: number },
): Promise<void> {
  await db.insertInto('reservation').values(reservation).execute();
}

export function listExpiredInstances(db: Queries, before: number): Promise<InstanceRow[]> {
  return db
    .selectFrom('instance')
    .selectAll()
    .where('forgottenAt', 'is not', null)
    .where('terminatedAt', '<', before)
    .execute();
}

/** Removes the row, and its reservation with the last instance of it. */
export async function deleteInstance(db: Queries, row: InstanceRow): Promise<void> {
  await db.deleteFrom('instance').where('id', '=', row.id).execute();
  const rest = await listInstancesOf(db, row.reservationId);
  if (rest.length > 0) return;
  await db.deleteFrom('reservation').where('id', '=', row.reservationId).execute();
}
