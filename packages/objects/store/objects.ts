// Owns the SQL of objects: the current pointer of each key, its version and the version's blobs.

import type { Kysely } from 'kysely';
import type { ObjectsSchema, ObjectVersionTable, SegmentTable, Tx } from './schema.ts';

type Queries = Kysely<ObjectsSchema>;

export async function findCurrent(
  db: Queries,
  bucketId: string,
  key: string,
): Promise<ObjectVersionTable | undefined> {
  return db
    .selectFrom('object')
    .innerJoin('object_version', 'object_version.id', 'object.version_id')
    .selectAll('object_version')
    .where('object.bucket_id', '=', bucketId)
    .where('object.object_key', '=', key)
    .executeTakeFirst();
}

export interface SegmentBlob {
  blobId: string;
  sizeBytes: number;
  blockCrcs: string;
}

export async function listSegments(db: Queries, versionId: string): Promise<SegmentBlob[]> {
  return db
    .selectFrom('segment')
    .innerJoin('blob', 'blob.id', 'segment.blob_id')
    .select([
      'blob.id as blobId',
      'segment.size_bytes as sizeBytes',
      'blob.block_crcs as blockCrcs',
    ])
    .where('segment.version_id', '=', versionId)
    .orderBy('segment.position')
    .execute();
}

/** Rows of a statement, so that it stays below the number of bound values that any engine takes. */
const SEGMENTS_PER_STATEMENT = 200;

/** Makes a version the current one of its key. The one before it, if any, is for the caller to remove. */
export async function insertCurrent(
  tx: Tx,
  version: ObjectVersionTable,
  segments: readonly Omit<SegmentTable, 'version_id' | 'position'>[],
): Promise<void> {
  await tx.insertInto('object_version').values(version).execute();
  const rows = segments.map((segment, position) => ({
    ...segment,
    position,
    version_id: version.id,
  }));
  for (let at = 0; at < rows.length; at += SEGMENTS_PER_STATEMENT) {
    const some = rows.slice(at, at + SEGMENTS_PER_STATEMENT);
    await tx.insertInto('segment').values(some).execute();
  }
  const pointer = { bucket_id: version.bucket_id, object_key: version.object_key };
  await tx
    .insertInto('object')
    .values({ ...pointer, version_id: version.id })
    .onConflict((conflict) =>
      conflict.columns(['bucket_id', 'object_key']).doUpdateSet({ version_id: version.id }),
    )
    .execute();
}

export async function deletePointer(tx: Tx, bucketId: string, key: string): Promise<void> {
  await tx
    .deleteFrom('object')
    .where('bucket_id', '=', bucketId)
    .where('object_key', '=', key)
    .execute();
}

/** Removes a version that no key shows any more; gives the blobs that it referred to. */
export async function deleteVersion(tx: Tx, versionId: string): Promise<string[]> {
  const segments = await tx
    .selectFrom('segment')
    .select('blob_id')
    .where('version_id', '=', versionId)
    .execute();
  await tx.deleteFrom('segment').where('version_id', '=', versionId).execute();
  await tx.deleteFrom('object_version').where('id', '=', versionId).execute();
  return segments.map((segment) => segment.blob_id);
}

export interface KeyRange {
  bucketId: string;
  /** Bounds in byte order of keys. */
  from: { key: string; inclusive: boolean };
  before: string | undefined;
  limit: number;
}

export async function listCurrent(db: Queries, range: KeyRange): Promise<ObjectVersionTable[]> {
  let query = db
    .selectFrom('object')
    .innerJoin('object_version', 'object_version.id', 'object.version_id')
    .selectAll('object_version')
    .where('object.bucket_id', '=', range.bucketId)
    .where('object.object_key', range.from.inclusive ? '>=' : '>', range.from.key);
  if (range.before !== undefined) query = query.where('object.object_key', '<', range.before);
  return query.orderBy('object.object_key').limit(range.limit).execute();
}
