// Owns the queries on what volumes did, minute by minute.

import type { AccountId, VolumeId } from '@ironbark/core/ids.ts';
import type { Queries } from './store.ts';
import type { VolumeMetricRow } from './volume-metric-schema.ts';

/** Well below the number of values that one statement may have. */
const ROWS_AT_A_TIME = 500;

/** A minute that is there already stays as it is. */
export async function insertVolumeMetrics(
  db: Queries,
  rows: readonly VolumeMetricRow[],
): Promise<void> {
  for (let at = 0; at < rows.length; at += ROWS_AT_A_TIME) {
    await db
      .insertInto('volumeMetric')
      .values(rows.slice(at, at + ROWS_AT_A_TIME))
      .onConflict((conflict) => conflict.doNothing())
      .execute();
  }
}

export async function deleteVolumeMetricsBefore(db: Queries, minute: number): Promise<void> {
  await db.deleteFrom('volumeMetric').where('minute', '<', minute).execute();
}

/** In order of time; the end is not part of it. */
export function listVolumeMetrics(
  db: Queries,
  volume: { accountId: AccountId; volumeId: VolumeId },
  [from, end]: readonly [from: number, end: number],
): Promise<VolumeMetricRow[]> {
  return db
    .selectFrom('volumeMetric')
    .selectAll()
    .where('accountId', '=', volume.accountId)
    .where('volumeId', '=', volume.volumeId)
    .where('minute', '>=', from)
    .where('minute', '<', end)
    .orderBy('minute')
    .execute();
}

/** The newest minute of a volume. */
export function findNewestVolumeMetric(
  db: Queries,
  accountId: AccountId,
  volumeId: VolumeId,
): Promise<VolumeMetricRow | undefined> {
  return db
    .selectFrom('volumeMetric')
    .selectAll()
    .where('accountId', '=', accountId)
    .where('volumeId', '=', volumeId)
    .orderBy('minute', 'desc')
    .limit(1)
    .executeTakeFirst();
}

/** The same of the account's first volume whose id is greater; look-ups in an index, however much is kept. */
export async function findNextVolumeMetric(
  db: Queries,
  accountId: AccountId,
  after: string,
): Promise<VolumeMetricRow | undefined> {
  const next = await db
    .selectFrom('volumeMetric')
    .select('volumeId')
    .where('accountId', '=', accountId)
    .where('volumeId', '>', after as VolumeId)
    .orderBy('volumeId')
    .limit(1)
    .executeTakeFirst();
  return next && findNewestVolumeMetric(db, accountId, next.volumeId);
}
