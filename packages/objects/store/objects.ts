// Owns the SQL of objects: the current pointer of each key, its version and the version's blobs.

import { prepareQuery } from '@ironbark/platform/database/prepared-query.ts';
import { type Kysely, sql } from 'kysely';
import type { ObjectsSchema, ObjectVersionTable, SegmentTable, Tx } from './schema.ts';

type Queries = Kysely<ObjectsSchema>;

export async function findCurrent(
  db: Queries,
  bucketId: string,
  key: string,
): Promise<ObjectVersionTable | undefined> {
  return (await selectCurrent(db, { bucketId, key }))[0];
}

const selectCurrent = prepareQuery(
  (db: Queries, { bucketId, key }: { bucketId: string; key: string }) =>
    db
      .selectFrom('object')
      .innerJoin('object_version', 'object_version.id', 'object.version_id')
      .selectAll('object_version')
      .where('object.bucket_id', '=', bucketId)
      .where('object.object_key', '=', key),
);

export interface CurrentObject {
  row: ObjectVersionTable;
  /** All of its segments, if it has just one; undefined: there are none or several. */
  segment: SegmentBlob | undefined;
}

/** As `findCurrent`, and what of it is mostly asked next. */
export async function findCurrentObject(
  db: Queries,
  bucketId: string,
  key: string,
): Promise<CurrentObject | undefined> {
  const [row, another] = await selectCurrentObject(db, { bucketId, key });
  if (row === undefined) return undefined;
  const { blobId, segmentBytes: sizeBytes, blockCrcs, nonce, checksum, logFile, logOffset } = row;
  if (another !== undefined || blobId === null || sizeBytes === null || blockCrcs === null) {
    return { row, segment: undefined };
  }
  return { row, segment: { blobId, sizeBytes, blockCrcs, nonce, checksum, logFile, logOffset } };
}

const selectCurrentObject = prepareQuery(
  (db: Queries, { bucketId, key }: { bucketId: string; key: string }) =>
    db
      .selectFrom('object')
      .innerJoin('object_version', 'object_version.id', 'object.version_id')
      .leftJoin('segment', 'segment.version_id', 'object_version.id')
      .leftJoin('blob', 'blob.id', 'segment.blob_id')
      .selectAll('object_version')
      .select([
        'blob.id as blobId',
        'segment.size_bytes as segmentBytes',
        'blob.block_crcs as blockCrcs',
        'segment.nonce as nonce',
        'segment.checksum_value as checksum',
        'blob.log_file as logFile',
        'blob.log_offset as logOffset',
      ])
      .where('object.bucket_id', '=', bucketId)
      .where('object.object_key', '=', key)
      // Whether there is one, and only one. A limit that is bound has SQLite parse the query anew each time.
      .limit(sql.lit(2)),
);

export interface SegmentBlob {
  blobId: string;
  sizeBytes: number;
  blockCrcs: string;
  nonce: string | null;
  checksum: string | null;
  /** Where in the log it stands; null for one that has a file of its own. */
  logFile: number | null;
  logOffset: number | null;
}

export async function listSegments(db: Queries, versionId: string): Promise<SegmentBlob[]> {
  return await selectSegments(db, { versionId });
}

const selectSegments = prepareQuery((db: Queries, { versionId }: { versionId: string }) =>
  db
    .selectFrom('segment')
    .innerJoin('blob', 'blob.id', 'segment.blob_id')
    .select([
      'blob.id as blobId',
      'segment.size_bytes as sizeBytes',
      'blob.block_crcs as blockCrcs',
      'segment.nonce as nonce',
      'segment.checksum_value as checksum',
      'blob.log_file as logFile',
      'blob.log_offset as logOffset',
    ])
    .where('segment.version_id', '=', versionId)
    .orderBy('segment.position'),
);

/** Rows of a statement, so that it stays below the number of bound values that any engine takes. */
const SEGMENTS_PER_STATEMENT = 200;

export type NewSegment = Omit<SegmentTable, 'version_id' | 'position'>;

/** Which version the key shows from now on is for the caller to say. */
export async function insertVersion(
  tx: Tx,
  version: ObjectVersionTable,
  segments: readonly NewSegment[],
): Promise<void> {
  await insertRow(tx, version);
  const rows = segments.map((segment, position) => ({
    ...segment,
    position,
    version_id: version.id,
  }));
  if (rows.length === 1) {
    await insertSegment(tx, rows[0]!);
    return;
  }
  for (let at = 0; at < rows.length; at += SEGMENTS_PER_STATEMENT) {
    const some = rows.slice(at, at + SEGMENTS_PER_STATEMENT);
    await tx.insertInto('segment').values(some).execute();
  }
}

const insertRow = prepareQuery((db: Queries, version: ObjectVersionTable) =>
  db.insertInto('object_version').values(version),
);

const insertSegment = prepareQuery((db: Queries, segment: SegmentTable) =>
  db.insertInto('segment').values(segment),
);

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
