// Owns the queries on users' own metrics and their points.

import type { AccountId } from '@ironbark/core/ids.ts';
import { sql } from 'kysely';
import { inParts } from './in-parts.ts';
import type { OwnMetricPointRow, OwnMetricRow } from './own-metric-schema.ts';
import type { Queries } from './store.ts';

/** Well below the number of values that one statement may have. */
const ROWS_AT_A_TIME = 500;

export async function countOwnMetrics(db: Queries, accountId: AccountId): Promise<number> {
  const { count } = await db
    .selectFrom('ownMetric')
    .select((select) => select.fn.countAll<number>().as('count'))
    .where('accountId', '=', accountId)
    .executeTakeFirstOrThrow();
  return Number(count);
}

/** In each of their units. */
export function findOwnMetrics(db: Queries, series: readonly string[]): Promise<OwnMetricRow[]> {
  return inParts(series, (some) =>
    db.selectFrom('ownMetric').selectAll().where('series', 'in', some).execute(),
  );
}

/** The account's, after one of them, in an order of their own; units of one follow each other. */
export function listOwnMetrics(
  db: Queries,
  accountId: AccountId,
  { after, limit }: { after: string; limit: number },
): Promise<OwnMetricRow[]> {
  return db
    .selectFrom('ownMetric')
    .selectAll()
    .where('accountId', '=', accountId)
    .where('series', '>', after)
    .orderBy('series')
    .orderBy('unit')
    .limit(limit)
    .execute();
}

export async function putOwnMetrics(db: Queries, rows: readonly OwnMetricRow[]): Promise<void> {
  for (let at = 0; at < rows.length; at += ROWS_AT_A_TIME) {
    await db
      .insertInto('ownMetric')
      .values(rows.slice(at, at + ROWS_AT_A_TIME))
      .onConflict((conflict) =>
        conflict
          .columns(['series', 'unit'])
          .doUpdateSet({ newestMinute: (update) => update.ref('excluded.newestMinute') }),
      )
      .execute();
  }
}

/** In each of their units, between the minutes, of which the end is not part; in order of time. */
export function listOwnPoints(
  db: Queries,
  series: readonly string[],
  [from, end]: readonly [from: number, end: number],
): Promise<OwnMetricPointRow[]> {
  return inParts(series, (some) =>
    db
      .selectFrom('ownMetricPoint')
      .selectAll()
      .where('series', 'in', some)
      .where('minute', '>=', from)
      .where('minute', '<', end)
      .orderBy('minute')
      .execute(),
  );
}

export interface Periods {
  /** Periods count from here. */
  fromMs: number;
  /** Not part of it. */
  endMs: number;
  periodMs: number;
}

export interface OwnPeriod
  extends Pick<OwnMetricPointRow, 'unit' | 'samples' | 'sum' | 'minimum' | 'maximum'> {
  /** The beginning of the period. */
  atMs: number;
}

/** A metric's periods that have points, in each of its units: a fortnight of minutes is added up where it is. */
export function listOwnPeriods(
  db: Queries,
  series: string,
  { fromMs, endMs, periodMs }: Periods,
): Promise<OwnPeriod[]> {
  return db
    .selectFrom('ownMetricPoint')
    .select((eb) => [
      'unit',
      sql<number>`minute - ((minute - ${fromMs}) % ${periodMs})`.as('atMs'),
      eb.fn.sum<number>('samples').as('samples'),
      eb.fn.sum<number>('sum').as('sum'),
      eb.fn.min('minimum').as('minimum'),
      eb.fn.max('maximum').as('maximum'),
    ])
    .where('series', '=', series)
    .where('minute', '>=', fromMs)
    .where('minute', '<', endMs)
    .groupBy(['unit', 'atMs'])
    .orderBy('atMs')
    .execute();
}

/** A point that is there becomes the one given. */
export async function putOwnPoints(db: Queries, rows: readonly OwnMetricPointRow[]): Promise<void> {
  for (let at = 0; at < rows.length; at += ROWS_AT_A_TIME) {
    await db
      .insertInto('ownMetricPoint')
      .values(rows.slice(at, at + ROWS_AT_A_TIME))
      .onConflict((conflict) =>
        conflict.columns(['series', 'unit', 'minute']).doUpdateSet({
          samples: (update) => update.ref('excluded.samples'),
          sum: (update) => update.ref('excluded.sum'),
          minimum: (update) => update.ref('excluded.minimum'),
          maximum: (update) => update.ref('excluded.maximum'),
        }),
      )
      .execute();
  }
}

/** The oldest minute that stays when an account keeps so many points; undefined: it has no more than that. */
export async function findOldestKept(
  db: Queries,
  accountId: AccountId,
  points: number,
): Promise<number | undefined> {
  const first = await db
    .selectFrom('ownMetricPoint')
    .select('minute')
    .where('accountId', '=', accountId)
    .orderBy('minute', 'desc')
    .offset(points)
    .limit(1)
    .executeTakeFirst();
  return first === undefined ? undefined : first.minute + 1;
}

export async function listAccountsOfOwnMetrics(db: Queries): Promise<AccountId[]> {
  const rows = await db.selectFrom('ownMetric').select('accountId').distinct().execute();
  return rows.map(({ accountId }) => accountId);
}

/** And the metrics that have no point left. */
export async function deleteOwnPointsBefore(
  db: Queries,
  accountId: AccountId,
  minute: number,
): Promise<void> {
  await db
    .deleteFrom('ownMetricPoint')
    .where('accountId', '=', accountId)
    .where('minute', '<', minute)
    .execute();
  await db
    .deleteFrom('ownMetric')
    .where('accountId', '=', accountId)
    .where('newestMinute', '<', minute)
    .execute();
}
