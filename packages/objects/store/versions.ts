// Owns the SQL of the versions of a key: which is the latest, which is called null, and their order.

import { prepareQuery } from '@ironbark/platform/database/prepared-query.ts';
import { type Kysely, sql } from 'kysely';
import type { ObjectsSchema, ObjectTable, ObjectVersionTable, Tx } from './schema.ts';

type Queries = Kysely<ObjectsSchema>;

/** The newest one, be it an object or a delete marker. */
export async function findLatest(
  db: Queries,
  bucketId: string,
  key: string,
): Promise<ObjectVersionTable | undefined> {
  return (await selectLatest(db, { bucketId, key }))[0];
}

/** A limit that is bound has SQLite parse the query anew each time. */
const selectLatest = prepareQuery(
  (db: Queries, { bucketId, key }: { bucketId: string; key: string }) =>
    ofKey(db, bucketId, key).orderBy('sequence', 'desc').limit(sql.lit(1)),
);

/** `null` is the name of the version that was written without versioning. */
export async function findVersion(
  db: Queries,
  name: { bucketId: string; key: string; versionId: string },
): Promise<ObjectVersionTable | undefined> {
  const versions = ofKey(db, name.bucketId, name.key);
  const isNull = name.versionId === 'null';
  const found = isNull
    ? versions.where('is_null', '=', 1)
    : versions.where('is_null', '=', 0).where('id', '=', name.versionId);
  return found.executeTakeFirst();
}

function ofKey(db: Queries, bucketId: string, key: string) {
  return db
    .selectFrom('object_version')
    .selectAll()
    .where('bucket_id', '=', bucketId)
    .where('object_key', '=', key);
}

export async function pointTo(tx: Tx, version: ObjectVersionTable): Promise<void> {
  const { id, bucket_id, object_key } = version;
  await putPointer(tx, { bucket_id, object_key, version_id: id });
}

const putPointer = prepareQuery((db: Queries, pointer: ObjectTable) =>
  db
    .insertInto('object')
    .values(pointer)
    .onConflict((conflict) =>
      conflict.columns(['bucket_id', 'object_key']).doUpdateSet({ version_id: pointer.version_id }),
    ),
);

/** What may change of a version once it is there. */
export type VersionChange = Partial<
  Pick<ObjectVersionTable, 'acl' | 'tags' | 'retention_mode' | 'retain_until' | 'legal_hold'>
>;

export async function updateVersion(tx: Tx, id: string, change: VersionChange): Promise<void> {
  await tx.updateTable('object_version').set(change).where('id', '=', id).execute();
}

/** Before the first version of a key. */
const ABOVE_ALL = Number.MAX_SAFE_INTEGER;

export interface VersionPosition {
  key: string;
  /** Versions of this key below it, and those of later keys; absent: all of this key too. */
  below?: number;
}

export interface VersionRange {
  bucketId: string;
  from: VersionPosition;
  before: string | undefined;
  limit: number;
}

/** In byte order of keys, the newest of each key first. */
export async function listVersions(
  db: Queries,
  { bucketId, from, before, limit }: VersionRange,
): Promise<ObjectVersionTable[]> {
  const { key, below = ABOVE_ALL } = from;
  let query = db
    .selectFrom('object_version')
    .selectAll()
    .where('bucket_id', '=', bucketId)
    .where('object_key', '>=', key)
    .where((eb) => eb.or([eb('object_key', '>', key), eb('sequence', '<', below)]));
  if (before !== undefined) query = query.where('object_key', '<', before);
  return query.orderBy('object_key').orderBy('sequence', 'desc').limit(limit).execute();
}
