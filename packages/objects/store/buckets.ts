// Owns the SQL of buckets.

import type { AccountId } from '@ironbark/core/ids.ts';
import type { Kysely } from 'kysely';
import type { BucketTable, ObjectsSchema, Tx } from './schema.ts';

type Queries = Kysely<ObjectsSchema>;

export async function findBucketByName(
  db: Queries,
  name: string,
): Promise<BucketTable | undefined> {
  return db.selectFrom('bucket').selectAll().where('name', '=', name).executeTakeFirst();
}

export async function hasBucket(db: Queries, id: string): Promise<boolean> {
  const row = await db.selectFrom('bucket').select('id').where('id', '=', id).executeTakeFirst();
  return row !== undefined;
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

export async function hasObjects(tx: Tx, bucketId: string): Promise<boolean> {
  const row = await tx
    .selectFrom('object')
    .select('object_key')
    .where('bucket_id', '=', bucketId)
    .limit(1)
    .executeTakeFirst();
  return row !== undefined;
}

export async function deleteBucket(tx: Tx, id: string): Promise<void> {
  await tx.deleteFrom('bucket').where('id', '=', id).execute();
}
