// Owns the queries on quotas that were set, and on what accounts have of what they limit.

import type { AccountId } from '@ironbark/core/ids.ts';
import type { VolumeType } from '@ironbark/core/volume-types.ts';
import type { QuotaTable } from './quota-schema.ts';
import type { Queries } from './store.ts';

/** Those of one account, and those of all. */
export function listQuotaValues(db: Queries, accountId: AccountId | ''): Promise<QuotaTable[]> {
  return db
    .selectFrom('quota')
    .selectAll()
    .where('accountId', 'in', ['', accountId])
    .orderBy('code')
    .execute();
}

export function findQuotaValues(
  db: Queries,
  accountId: AccountId,
  code: string,
): Promise<QuotaTable[]> {
  return db
    .selectFrom('quota')
    .selectAll()
    .where('accountId', 'in', ['', accountId])
    .where('code', '=', code)
    .execute();
}

export async function putQuotaValue(db: Queries, row: QuotaTable): Promise<void> {
  await db
    .insertInto('quota')
    .values(row)
    .onConflict((conflict) => conflict.columns(['accountId', 'code']).doUpdateSet(row))
    .execute();
}

/** False when none was set. */
export async function deleteQuotaValue(
  db: Queries,
  { accountId, code }: Omit<QuotaTable, 'value'>,
): Promise<boolean> {
  const result = await db
    .deleteFrom('quota')
    .where('accountId', '=', accountId)
    .where('code', '=', code)
    .executeTakeFirst();
  return result.numDeletedRows > 0n;
}

/** What is counted as it changes. */
type Use = 'interfaces' | 'runningVcpus';

export async function countUse(db: Queries, accountId: AccountId, use: Use): Promise<number> {
  const row = await db
    .selectFrom('accountUse')
    .select(use)
    .where('accountId', '=', accountId)
    .executeTakeFirst();
  return row?.[use] ?? 0;
}

export async function addUse(
  db: Queries,
  accountId: AccountId,
  use: Use,
  more: number,
): Promise<void> {
  const none = { interfaces: 0, runningVcpus: 0 };
  await db
    .insertInto('accountUse')
    .values({ accountId, ...none, [use]: more })
    .onConflict((conflict) =>
      conflict.column('accountId').doUpdateSet((e) => ({
        [use]: e(`accountUse.${use}`, '+', more),
      })),
    )
    .execute();
}

/** From the instances and interfaces themselves, whatever was counted before. */
export async function recountUse(db: Queries): Promise<void> {
  await db.deleteFrom('accountUse').execute();
  const running = await db
    .selectFrom('instance')
    .select(({ fn }) => ['accountId', fn.sum<number>('vcpus').as('count')])
    .where('desiredPower', '=', 'running')
    .groupBy('accountId')
    .execute();
  const interfaces = await db
    .selectFrom('networkInterface')
    .select(({ fn }) => ['accountId', fn.countAll().as('count')])
    .groupBy('accountId')
    .execute();
  for (const one of running) await addUse(db, one.accountId, 'runningVcpus', Number(one.count));
  for (const one of interfaces) await addUse(db, one.accountId, 'interfaces', Number(one.count));
}

export async function measureVolumes(
  db: Queries,
  accountId: AccountId,
  type?: VolumeType,
): Promise<{ count: number; sizeGib: number }> {
  let query = db
    .selectFrom('volume')
    .select(({ fn }) => [fn.countAll().as('count'), fn.sum<number | null>('sizeGib').as('sizeGib')])
    .where('accountId', '=', accountId)
    .where('desired', '=', 'present');
  if (type !== undefined) query = query.where('volumeType', '=', type);
  const { count, sizeGib } = await query.executeTakeFirstOrThrow();
  return { count: Number(count), sizeGib: Number(sizeGib ?? 0) };
}

export async function countSnapshots(db: Queries, accountId: AccountId): Promise<number> {
  const row = await db
    .selectFrom('snapshot')
    .select(({ fn }) => fn.countAll().as('count'))
    .where('accountId', '=', accountId)
    .where('desired', '=', 'present')
    .executeTakeFirstOrThrow();
  return Number(row.count);
}

type CountedTable = 'image' | 'internetGateway' | 'keyPair' | 'securityGroup' | 'vpc';

export async function countRows(
  db: Queries,
  table: CountedTable,
  accountId: AccountId,
): Promise<number> {
  const row = await db
    .selectFrom(table as 'keyPair')
    .select(({ fn }) => fn.countAll().as('count'))
    .where('accountId', '=', accountId)
    .executeTakeFirstOrThrow();
  return Number(row.count);
}

/** Elastic ones. */
export async function countAddresses(db: Queries, accountId: AccountId): Promise<number> {
  const row = await db
    .selectFrom('address')
    .select(({ fn }) => fn.countAll().as('count'))
    .where('accountId', '=', accountId)
    .where('isAutomatic', '=', 0)
    .executeTakeFirstOrThrow();
  return Number(row.count);
}
