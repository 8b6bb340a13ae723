// Owns what an administrator sets of quotas, for one account or for all that have no value of their own. A value counts
// from the next request on; what an account has already stays.

import type { AccountId } from '@ironbark/core/ids.ts';
import { deleteQuotaValue, listQuotaValues, putQuotaValue } from '../../store/quotas.ts';
import type { Queries, Store } from '../../store/store.ts';
import { getAccount } from '../accounts.ts';
import { refuse } from '../refusals.ts';
import { ALL_QUOTAS, findQuota, type Quota } from './catalogue.ts';
import { chooseDefault, chooseValue } from './limits.ts';

/** Accounts are meant by name or by number; none: all that have no value of their own. */
export interface QuotaAdmin {
  listQuotas(request: { account?: string }): Promise<QuotaSummary[]>;
  setQuota(request: { code: string; value: number; account?: string }): Promise<QuotaSummary>;
  /** Takes back what was set. */
  unsetQuota(request: { code: string; account?: string }): Promise<QuotaSummary>;
}

export interface QuotaSummary {
  service: string;
  code: string;
  name: string;
  /** The cloud's own, before anybody has set one. */
  builtIn: number;
  /** Of accounts that have none of their own. */
  default: number;
  /** Of the account that was asked about, or the default. */
  value: number;
  /** What the account has; absent for all accounts, and for buckets, which Walrus counts. */
  used?: number;
}

/** Of any quota: more digits would not be whole any longer. */
const MAX_VALUE = 2 ** 53 - 1;

export function createQuotaAdmin({ store }: { store: Store }): QuotaAdmin {
  return {
    listQuotas: async ({ account }) => {
      const db = store.query;
      const accountId = await readAccount(db, account);
      const summaries: QuotaSummary[] = [];
      for (const quota of ALL_QUOTAS) summaries.push(await summarize(db, accountId, quota));
      return summaries;
    },
    setQuota: ({ code, value, account }) =>
      store.transaction(async (tx) => {
        const accountId = await readAccount(tx, account);
        const quota = getQuota(code);
        checkValue(quota, value);
        await putQuotaValue(tx, { accountId, code: quota.code, value });
        return await summarize(tx, accountId, quota);
      }),
    unsetQuota: ({ code, account }) =>
      store.transaction(async (tx) => {
        const accountId = await readAccount(tx, account);
        const quota = getQuota(code);
        if (!(await deleteQuotaValue(tx, { accountId, code: quota.code }))) {
          throw refuse('not-found', 'account', `Nobody has set ${quota.code} there.`);
        }
        return await summarize(tx, accountId, quota);
      }),
  };
}

async function readAccount(db: Queries, account: string | undefined): Promise<AccountId | ''> {
  return account === undefined ? '' : (await getAccount(db, account)).id;
}

function getQuota(code: string): Quota {
  const quota = findQuota(code);
  if (quota !== undefined) return quota;
  const known = ALL_QUOTAS.map((one) => one.code).join(', ');
  throw refuse('not-found', 'account', `There is no quota ${code.slice(0, 64)}; ${known} are.`);
}

/** Storage is in TiB, which may be parts; everything else is counted. */
function checkValue({ name, code }: Quota, value: number): void {
  const isInParts = name.endsWith('in TiB');
  const isGood = isInParts ? Number.isFinite(value) : Number.isSafeInteger(value);
  if (isGood && value >= 0 && value <= MAX_VALUE) return;
  const expected = isInParts ? 'a number of TiB' : 'a whole number';
  throw refuse('invalid-parameter', 'account', `${code} is ${expected}, 0 or more.`);
}

async function summarize(
  db: Queries,
  accountId: AccountId | '',
  quota: Quota,
): Promise<QuotaSummary> {
  const rows = await listQuotaValues(db, accountId);
  const { service, code, name, value: builtIn, measure } = quota;
  const used = accountId === '' || !measure ? undefined : await measure(db, accountId);
  return {
    ...{ service, code, name, builtIn },
    default: chooseDefault(quota, rows),
    value: chooseValue(quota, rows),
    ...(used === undefined ? {} : { used }),
  };
}
