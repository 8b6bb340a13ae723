// Owns the queries on what instances' network cards did, minute by minute.

import type { AccountId, InstanceId } from '@ironbark/core/ids.ts';
import type { NetworkMetricRow } from './network-metric-schema.ts';
import type { Queries } from './store.ts';

/** Well below the number of values that one statement may have. */
const ROWS_AT_A_TIME = 500;

/** A minute that is there already stays as it is. */
export async function insertNetworkMetrics(
  db: Queries,
  rows: readonly NetworkMetricRow[],
): Promise<void> {
  for (let at = 0; at < rows.length; at += ROWS_AT_A_TIME) {
    await db
      .insertInto('networkMetric')
      .values(rows.slice(at, at + ROWS_AT_A_TIME))
      .onConflict((conflict) => conflict.doNothing())
      .execute();
  }
}

export async function deleteNetworkMetricsBefore(db: Queries, minute: number): Promise<void> {
  await db.deleteFrom('networkMetric').where('minute', '<', minute).execute();
}

/** In order of time; the end is not part of it. */
export function listNetworkMetrics(
  db: Queries,
  instance: { accountId: AccountId; instanceId: InstanceId },
  [from, end]: readonly [from: number, end: number],
): Promise<NetworkMetricRow[]> {
  return db
    .selectFrom('networkMetric')
    .selectAll()
    .where('accountId', '=', instance.accountId)
    .where('instanceId', '=', instance.instanceId)
    .where('minute', '>=', from)
    .where('minute', '<', end)
    .orderBy('minute')
    .execute();
}

/** The newest minute of an instance. */
export function findNewestNetworkMetric(
  db: Queries,
  accountId: AccountId,
  instanceId: InstanceId,
): Promise<NetworkMetricRow | undefined> {
  return db
    .selectFrom('networkMetric')
    .selectAll()
    .where('accountId', '=', accountId)
    .where('instanceId', '=', instanceId)
    .orderBy('minute', 'desc')
    .limit(1)
    .executeTakeFirst();
}

/** The same of the account's first instance whose id is greater; look-ups in an index, however much is kept. */
export async function findNextNetworkMetric(
  db: Queries,
  accountId: AccountId,
  after: string,
): Promise<NetworkMetricRow | undefined> {
  const next = await db
    .selectFrom('networkMetric')
    .select('instanceId')
    .where('accountId', '=', accountId)
    .where('instanceId', '>', after as InstanceId)
    .orderBy('instanceId')
    .limit(1)
    .executeTakeFirst();
  return next && findNewestNetworkMetric(db, accountId, next.instanceId);
}
