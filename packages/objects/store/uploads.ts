// Owns the SQL of multipart uploads and their parts.

import type { Kysely } from 'kysely';
import type { ObjectsSchema, PartTable, Tx, UploadTable } from './schema.ts';

type Queries = Kysely<ObjectsSchema>;

export async function insertUpload(tx: Tx, upload: UploadTable): Promise<void> {
  await tx.insertInto('upload').values(upload).execute();
}

export async function findUpload(
  db: Queries,
  input: { id: string; bucketId: string; key: string },
): Promise<UploadTable | undefined> {
  return db
    .selectFrom('upload')
    .selectAll()
    .where('id', '=', input.id)
    .where('bucket_id', '=', input.bucketId)
    .where('object_key', '=', input.key)
    .executeTakeFirst();
}

/** Puts a part in its place; gives the blob that was there. */
export async function replacePart(tx: Tx, part: PartTable): Promise<string | undefined> {
  const before = await tx
    .selectFrom('part')
    .select('blob_id')
    .where('upload_id', '=', part.upload_id)
    .where('part_number', '=', part.part_number)
    .executeTakeFirst();
  await tx
    .deleteFrom('part')
    .where('upload_id', '=', part.upload_id)
    .where('part_number', '=', part.part_number)
    .execute();
  await tx.insertInto('part').values(part).execute();
  return before?.blob_id;
}

export async function listParts(
  db: Queries,
  page: { uploadId: string; after: number; limit: number },
): Promise<PartTable[]> {
  return db
    .selectFrom('part')
    .selectAll()
    .where('upload_id', '=', page.uploadId)
    .where('part_number', '>', page.after)
    .orderBy('part_number')
    .limit(page.limit)
    .execute();
}

/** Removes an upload with its parts; gives the blobs of the parts. */
export async function deleteUpload(tx: Tx, uploadId: string): Promise<string[]> {
  const parts = await tx
    .selectFrom('part')
    .select('blob_id')
    .where('upload_id', '=', uploadId)
    .execute();
  await tx.deleteFrom('part').where('upload_id', '=', uploadId).execute();
  await tx.deleteFrom('upload').where('id', '=', uploadId).execute();
  return parts.map((part) => part.blob_id);
}

export interface UploadRange {
  bucketId: string;
  from: { key: string; uploadId: string };
  before: string | undefined;
  limit: number;
}

/** Uploads after (key, id) in byte order of keys, then ids. */
export async function listUploads(db: Queries, range: UploadRange): Promise<UploadTable[]> {
  const { from } = range;
  let query = db
    .selectFrom('upload')
    .selectAll()
    .where('bucket_id', '=', range.bucketId)
    .where('object_key', '>=', from.key)
    .where((eb) => eb.or([eb('object_key', '>', from.key), eb('id', '>', from.uploadId)]));
  if (range.before !== undefined) query = query.where('object_key', '<', range.before);
  return query.orderBy('object_key').orderBy('id').limit(range.limit).execute();
}

export async function listUploadIds(tx: Tx, bucketId: string): Promise<string[]> {
  const rows = await tx
    .selectFrom('upload')
    .select('id')
    .where('bucket_id', '=', bucketId)
    .execute();
  return rows.map((row) => row.id);
}
