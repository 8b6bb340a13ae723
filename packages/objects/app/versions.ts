// Owns the stack of versions of a key: what a write puts on top, what a deletion takes away or hides.
//
//   versioning      a write                          a deletion that names no version
//   never on        replaces `null`                  removes `null`
//   Enabled         a new version                    a delete marker on top
//   Suspended       replaces `null`                  a delete marker called `null`, in place of the one before

import { doomUnreferenced } from '../store/blobs.ts';
import { findBucketById } from '../store/buckets.ts';
import {
  deletePointer,
  deleteVersion as deleteRow,
  findCurrent,
  insertVersion,
  type NewSegment,
} from '../store/objects.ts';
import type { BucketTable, ObjectVersionTable, Tx } from '../store/schema.ts';
import { findLatest, findVersion, pointTo } from '../store/versions.ts';
import { newRandomId, type ObjectsContext } from './context.ts';
import { noSuchBucket } from './not-found.ts';
import { requireUnlocked } from './object-lock.ts';
import {
  fromVersionRow,
  type NewVersion,
  type ObjectVersion,
  PLAIN_INTENT,
  toVersionRow,
} from './object-version.ts';
import {
  hasWriteConditions,
  requireWriteConditions,
  type WriteConditions,
} from './preconditions.ts';
import type { VersionName } from './version-lookup.ts';

export interface AddInput {
  bucket: BucketTable;
  version: NewVersion;
  segments: readonly NewSegment[];
  conditions: WriteConditions;
}

/** Makes the version current. The caller's transaction decides. */
export async function addVersion(
  context: ObjectsContext,
  tx: Tx,
  { bucket, version, segments, conditions }: AddInput,
): Promise<ObjectVersion> {
  if (hasWriteConditions(conditions)) {
    const before = await findCurrent(tx, bucket.id, version.key);
    requireWriteConditions(conditions, before && fromVersionRow(before), version.key);
  }
  return fromVersionRow(await putOnTop(context, tx, bucket, { version, segments }));
}

/**
 * Puts a version above all others of its key; then removes the one of the same name, whose blobs the new one may share.
 */
async function putOnTop(
  context: ObjectsContext,
  tx: Tx,
  { id: bucketId, name }: BucketTable,
  { version, segments }: Pick<AddInput, 'version' | 'segments'>,
): Promise<ObjectVersionTable> {
  // Looked at now: versioning may have been turned on while the bytes came in.
  const bucket = await findBucketById(tx, bucketId);
  if (bucket === undefined) throw noSuchBucket(name);
  const { key } = version;
  const isNull = bucket.versioning !== 'Enabled';
  const latest = await findLatest(tx, bucketId, key);
  const before = isNull && latest !== undefined ? await findNull(tx, latest) : undefined;
  const sequence = (latest?.sequence ?? 0) + 1;
  const row = toVersionRow(version, { bucketId, sequence, isNull });
  await insertVersion(tx, row, segments);
  if (version.isDeleteMarker) await deletePointer(tx, bucketId, key);
  else await pointTo(tx, row);
  if (before !== undefined) await removeRow(context, tx, before.id);
  return row;
}

/** Mostly the latest is the one. */
async function findNull(
  tx: Tx,
  latest: ObjectVersionTable,
): Promise<ObjectVersionTable | undefined> {
  if (latest.is_null === 1) return latest;
  const { bucket_id: bucketId, object_key: key } = latest;
  return await findVersion(tx, { bucketId, key, versionId: 'null' });
}

async function removeRow(context: ObjectsContext, tx: Tx, versionId: string): Promise<void> {
  const blobs = await deleteRow(tx, versionId);
  // A poke before the commit finds the blob still wanted or waits for the transaction; both are harmless.
  context.wake.unwanted(await doomUnreferenced(tx, blobs, context.gateway.id));
}

export interface Deletion {
  /** Undefined: the bucket has never had versions. */
  versionId: string | undefined;
  /** A delete marker was made, or taken away. */
  isDeleteMarker: boolean;
}

export interface DeleteInput extends VersionName {
  conditions: WriteConditions;
  /** The caller may override governance, and asks for it. */
  bypassesGovernance?: boolean;
}

const NOTHING: Deletion = { versionId: undefined, isDeleteMarker: false };

/** Deleting what does not exist succeeds, unless a condition asks for it. */
export async function deleteVersion(
  context: ObjectsContext,
  tx: Tx,
  input: DeleteInput,
): Promise<Deletion> {
  const { bucket, key, versionId, conditions } = input;
  if (versionId !== undefined) return await removeNamed(context, tx, { ...input, versionId });
  const current = await findCurrent(tx, bucket.id, key);
  requireWriteConditions(conditions, current && fromVersionRow(current), key);
  const { versioning } = (await findBucketById(tx, bucket.id)) ?? { versioning: null };
  if (versioning !== null) return await hide(context, tx, bucket, key);
  if (current === undefined) return NOTHING;
  await deletePointer(tx, bucket.id, key);
  await removeRow(context, tx, current.id);
  return NOTHING;
}

async function hide(
  context: ObjectsContext,
  tx: Tx,
  bucket: BucketTable,
  key: string,
): Promise<Deletion> {
  const version: NewVersion = {
    ...PLAIN_INTENT,
    id: newRandomId(context.random),
    key,
    isDeleteMarker: true,
    sizeBytes: 0,
    etag: '',
    checksum: undefined,
    encryption: undefined,
    uploadId: undefined,
    lastModifiedMs: context.clock.nowMs(),
  };
  const marker = await putOnTop(context, tx, bucket, { version, segments: [] });
  return { versionId: fromVersionRow(marker).versionId, isDeleteMarker: true };
}

async function removeNamed(
  context: ObjectsContext,
  tx: Tx,
  input: DeleteInput & { versionId: string },
): Promise<Deletion> {
  const { bucket, key, versionId, conditions, bypassesGovernance = false } = input;
  const row = await findVersion(tx, { bucketId: bucket.id, key, versionId });
  requireWriteConditions(conditions, row && fromVersionRow(row), key);
  if (row === undefined) return { versionId, isDeleteMarker: false };
  requireUnlocked(fromVersionRow(row), { nowMs: context.clock.nowMs(), bypassesGovernance });
  await removeRow(context, tx, row.id);
  await pointToLatest(tx, bucket.id, key);
  return { versionId, isDeleteMarker: row.is_delete_marker === 1 };
}

/** What was below becomes visible, if it is an object. */
async function pointToLatest(tx: Tx, bucketId: string, key: string): Promise<void> {
  const latest = await findLatest(tx, bucketId, key);
  if (latest === undefined || latest.is_delete_marker === 1) await deletePointer(tx, bucketId, key);
  else await pointTo(tx, latest);
}
