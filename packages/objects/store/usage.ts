// Owns the SQL that counts what stands in a stretch of a bucket's keys.

import type { Kysely } from 'kysely';
import type { ObjectsSchema } from './schema.ts';

type Queries = Kysely<ObjectsSchema>;

export interface KeySpan {
  bucketId: string;
  /** Keys behind this one; no key is empty. */
  after: string;
  /** Up to this one; undefined: to the end. */
  until: string | undefined;
}

/** The key that is so many versions behind; undefined where there are fewer. */
export async function findKeyBehind(
  db: Queries,
  { bucketId, after, keys }: { bucketId: string; after: string; keys: number },
): Promise<string | undefined> {
  const row = await db
    .selectFrom('object_version')
    .select('object_key')
    .where('bucket_id', '=', bucketId)
    .where('object_key', '>', after)
    .orderBy('object_key')
    .orderBy('sequence')
    .limit(1)
    .offset(keys)
    .executeTakeFirst();
  return row?.object_key;
}

export async function sumKeys(
  db: Queries,
  { bucketId, after, until }: KeySpan,
): Promise<{ objects: number; versions: number; bytes: number }> {
  let versions = db
    .selectFrom('object_version')
    .select((eb) => [
      eb.fn.countAll<number>().as('versions'),
      eb.fn.sum<number | null>('size_bytes').as('bytes'),
    ])
    .where('bucket_id', '=', bucketId)
    .where('object_key', '>', after)
    .where('is_delete_marker', '=', 0);
  let objects = db
    .selectFrom('object')
    .select((eb) => eb.fn.countAll<number>().as('objects'))
    .where('bucket_id', '=', bucketId)
    .where('object_key', '>', after);
  if (until !== undefined) {
    versions = versions.where('object_key', '<=', until);
    objects = objects.where('object_key', '<=', until);
  }
  const sum = await versions.executeTakeFirstOrThrow();
  const shown = await objects.executeTakeFirstOrThrow();
  return {
    objects: Number(shown.objects),
    versions: Number(sum.versions),
    bytes: Number(sum.bytes ?? 0),
  };
}
