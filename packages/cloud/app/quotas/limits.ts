// Owns what an account may have: its own value of a quota, else the one of all accounts, else the catalogue's.

import type { AccountId } from '@ironbark/core/ids.ts';
import type { QuotaTable } from '../../store/quota-schema.ts';
import { findQuotaValues } from '../../store/quotas.ts';
import type { Queries } from '../../store/store.ts';
import { refuse } from '../refusals.ts';
import type { Quota } from './catalogue.ts';

export async function findLimit(db: Queries, accountId: AccountId, quota: Quota): Promise<number> {
  return chooseValue(quota, await findQuotaValues(db, accountId, quota.code));
}

/** `rows` are of one account, and of all. */
export function chooseValue({ code, value }: Quota, rows: readonly QuotaTable[]): number {
  const set = rows.filter((row) => row.code === code);
  const own = set.find(({ accountId }) => accountId !== '');
  return (own ?? set[0])?.value ?? value;
}

/** What all accounts have that have no value of their own. */
export function chooseDefault(quota: Quota, rows: readonly QuotaTable[]): number {
  const ofAll = rows.filter(({ accountId }) => accountId === '');
  return chooseValue(quota, ofAll);
}

/** Refuses what an account would have too much of; `more` is in the quota's own unit. */
export async function requireWithin(
  tx: Queries,
  accountId: AccountId,
  quota: Quota,
  more = 1,
): Promise<void> {
  const limit = await findLimit(tx, accountId, quota);
  const used = await quota.measure!(tx, accountId);
  if (used + more > limit) throw exceeded(quota, limit);
}

/** How much more there may be; not less than nothing. */
export async function findRoom(tx: Queries, accountId: AccountId, quota: Quota) {
  const limit = await findLimit(tx, accountId, quota);
  return { limit, room: Math.max(0, limit - (await quota.measure!(tx, accountId))) };
}

export function exceeded({ resource, refusal }: Quota, limit: number): Error {
  const sentence = `${refusal(limit)} The administrator of this cloud can raise it.`;
  return refuse('limit-exceeded', resource, sentence);
}
