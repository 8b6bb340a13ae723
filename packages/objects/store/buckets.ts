// Owns the SQL of buckets.

import type { AccountId } from '@ironbark/core/ids.ts';
import { prepareQuery } from '@ironbark/platform/database/prepared-query.ts';
import type { Kysely } from 'kysely';
import type { BucketTable, ObjectsSchema, Tx } from './schema.ts';

type Queries = Kysely<ObjectsSchema>;

export async function findBucketByName(
  db: Queries,
  name: string,
): Promise<BucketTable | undefined> {
  return (await selectByName(db, { name }))[0];
}

const selectByName = prepareQuery((db: Queries, { name }: { name: string }) =>
  db.selectFrom('bucket').selectAll().where('name', '=', name),
);

export interface BucketWithSettings extends BucketTable {
  settings: ReadonlyMap<string, string>;
}

export async function findBucketWithSettings(
  db: Queries,
  name: string,
): Promise<BucketWithSettings | undefined> {
  const rows = await selectWithSettings(db, { name });
  const [first] = rows;
  if (first === undefined) return undefined;
  const { id, account_id, created_at, versioning } = first;
  const settings = new Map<string, string>();
  for (const { setting, document } of rows) {
    if (setting !== null && document !== null) settings.set(setting, document);
  }
  return { id, name, account_id, created_at, versioning, settings };
}

const selectWithSettings = prepareQuery((db: Queries, { name }: { name: string }) =>
  db
    .selectFrom('bucket')
    .leftJoin('bucket_configuration', 'bucket_configuration.bucket_id', 'bucket.id')
    .selectAll('bucket')
    .select(['bucket_configuration.name as setting', 'bucket_configuration.document as document'])
    .where('bucket.name', '=', name),
);

export async function findBucketById(db: Queries, id: string): Promise<BucketTable | undefined> {
  return (await selectById(db, { id }))[0];
}

const selectById = prepareQuery((db: Queries, { id }: { id: string }) =>
  db.selectFrom('bucket').selectAll().where('id', '=', id),
);

export async function setVersioning(
  tx: Tx,
  id: string,
  versioning: 'Enabled' | 'Suspended',
): Promise<void> {
  await tx.updateTable('bucket').set({ versioning }).where('id', '=', id).execute();
}

export async function listBuckets(
  db: Queries,
  page: {
    accountId: AccountId;
    prefixStart: string;
    prefixEnd?: string;
    after: string;
    limit: number;
  },
): Promise<BucketTable[]> {
  let query = db
    .selectFrom('bucket')
    .selectAll()
    .where('account_id', '=', page.accountId)
    .where('name', '>=', page.prefixStart)
    .where('name', '>', page.after);
  if (page.prefixEnd !== undefined) query = query.where('name', '<', page.prefixEnd);
  return query.orderBy('name').limit(page.limit).execute();
}

export async function listAllBuckets(db: Queries): Promise<BucketTable[]> {
  return db.selectFrom('bucket').selectAll().orderBy('name').execute();
}

export async function countBuckets(db: Queries, accountId: AccountId): Promise<number> {
  const row = await db
    .selectFrom('bucket')
    .select((eb) => eb.fn.countAll<number>().as('count'))
    .where('account_id', '=', accountId)
    .executeTakeFirstOrThrow();
  return Number(row.count);
}

export async function insertBucket(tx: Tx, bucket: BucketTable): Promise<void> {
  await tx.insertInto('bucket').values(bucket).execute();
}

/** Versions that no key shows and delete markers count too. */
export async function hasObjects(tx: Tx, bucketId: string): Promise<boolean> {
  const row = await tx
    .selectFrom('object_version')
    .select('object_key')
    .where('bucket_id', '=', bucketId)
    .limit(1)
    .executeTakeFirst();
  return row !== undefined;
}

export async function deleteBucket(tx: Tx, id: string): Promise<void> {
  await tx.deleteFrom('bucket_configuration').where('bucket_id', '=', id).execute();
  await tx.deleteFrom('bucket').where('id', '=', id).execute();
}
