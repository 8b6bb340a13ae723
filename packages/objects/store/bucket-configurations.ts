// Owns the SQL of what is set on buckets: a document under each name.

import { prepareQuery } from '@ironbark/platform/database/prepared-query.ts';
import type { Kysely } from 'kysely';
import type { ObjectsSchema, Tx } from './schema.ts';

type Queries = Kysely<ObjectsSchema>;

export async function listConfigurations(
  db: Queries,
  bucketId: string,
): Promise<{ name: string; document: string }[]> {
  return await selectOfBucket(db, { bucketId });
}

const selectOfBucket = prepareQuery((db: Queries, { bucketId }: { bucketId: string }) =>
  db
    .selectFrom('bucket_configuration')
    .select(['name', 'document'])
    .where('bucket_id', '=', bucketId),
);

export async function putConfiguration(
  tx: Tx,
  row: { bucketId: string; name: string; document: string },
): Promise<void> {
  const { bucketId, name, document } = row;
  await tx
    .insertInto('bucket_configuration')
    .values({ bucket_id: bucketId, name, document })
    .onConflict((conflict) => conflict.columns(['bucket_id', 'name']).doUpdateSet({ document }))
    .execute();
}

export async function deleteConfiguration(tx: Tx, bucketId: string, name: string): Promise<void> {
  await tx
    .deleteFrom('bucket_configuration')
    .where('bucket_id', '=', bucketId)
    .where('name', '=', name)
    .execute();
}

/** Buckets that have set this, for those who act on it. */
export async function listBucketsWith(db: Queries, name: string): Promise<string[]> {
  const rows = await db
    .selectFrom('bucket_configuration')
    .select('bucket_id')
    .where('name', '=', name)
    .execute();
  return rows.map((row) => row.bucket_id);
}
