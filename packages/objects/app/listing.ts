// Owns listings: pages in byte order of keys, with keys that share a prefix up to the delimiter rolled into one.

import { listCurrent } from '../store/objects.ts';
import type { BucketTable, ObjectVersionTable, UploadTable } from '../store/schema.ts';
import { listUploads as listUploadRows } from '../store/uploads.ts';
import { findVersion, listVersions as listRows, type VersionPosition } from '../store/versions.ts';
import type { ObjectsContext } from './context.ts';
import { successor } from './keys.ts';
import { fromVersionRow, type ObjectVersion } from './object-version.ts';

export interface ListInput<Position> {
  bucket: BucketTable;
  prefix: string;
  delimiter: string | undefined;
  limit: number;
  from: Position | undefined;
}

export interface ListResult<Row, Position> {
  rows: readonly Row[];
  commonPrefixes: readonly string[];
  /** Where the next page begins; undefined when this is the last. */
  next: Position | undefined;
  /** The last key or common prefix of this page. */
  lastName: string | undefined;
}

export interface KeyPosition {
  key: string;
  inclusive: boolean;
}

/** A marker that is itself a rolled-up prefix stands for all of its keys. */
export function afterMarker(marker: string, prefix: string, delimiter?: string): KeyPosition {
  const isGroup = delimiter !== undefined && groupOf(marker, prefix, delimiter) === marker;
  const next = isGroup ? successor(marker) : undefined;
  return next === undefined ? { key: marker, inclusive: false } : { key: next, inclusive: true };
}

export async function listObjects(
  context: ObjectsContext,
  input: ListInput<KeyPosition>,
): Promise<ListResult<ObjectVersion, KeyPosition>> {
  const before = successor(input.prefix);
  const start: KeyPosition = { key: input.prefix, inclusive: true };
  return await walk({
    ...input,
    from: laterOf(start, input.from),
    jump: (key) => ({ key, inclusive: true }),
    keyOf: (version) => version.key,
    positionOf: (version) => ({ key: version.key, inclusive: false }),
    fetch: async (from, limit) => {
      const range = { bucketId: input.bucket.id, from, before, limit };
      return (await listCurrent(context.db.query, range)).map(fromVersionRow);
    },
  });
}

function laterOf(start: KeyPosition, from: KeyPosition | undefined): KeyPosition {
  if (from === undefined) return start;
  return Buffer.compare(Buffer.from(from.key), Buffer.from(start.key)) < 0 ? start : from;
}

export interface PlacedVersion extends ObjectVersion {
  sequence: number;
  isLatest: boolean;
}

/** Every version, delete markers too. `next` names the last one of this page. */
export async function listVersions(
  context: ObjectsContext,
  input: ListInput<VersionPosition>,
): Promise<ListResult<PlacedVersion, VersionPosition>> {
  const before = successor(input.prefix);
  const { from } = input;
  const isLate =
    from !== undefined && Buffer.compare(Buffer.from(from.key), Buffer.from(input.prefix)) >= 0;
  const start: VersionPosition = isLate ? from : { key: input.prefix };
  const result = await walk<ObjectVersionTable, VersionPosition>({
    ...input,
    from: start,
    jump: (key) => ({ key }),
    keyOf: (row) => row.object_key,
    positionOf: (row) => ({ key: row.object_key, below: row.sequence }),
    fetch: (position, limit) =>
      listRows(context.db.query, { bucketId: input.bucket.id, from: position, before, limit }),
  });
  const rows = result.rows.map((row, at) => {
    const above = result.rows[at - 1];
    const isFirst =
      above === undefined
        ? start.key !== row.object_key || start.below === undefined
        : above.object_key !== row.object_key;
    return { ...fromVersionRow(row), sequence: row.sequence, isLatest: isFirst };
  });
  return { ...result, rows };
}

/** Where a listing goes on after a version: one that is gone meanwhile has all of its key listed again. */
export async function afterVersion(
  context: ObjectsContext,
  input: { bucket: BucketTable; key: string; versionId: string },
): Promise<VersionPosition> {
  const { bucket, key, versionId } = input;
  if (versionId === '') return { key, below: 0 };
  const row = await findVersion(context.db.query, { bucketId: bucket.id, key, versionId });
  return row === undefined ? { key } : { key, below: row.sequence };
}

export interface UploadPosition {
  key: string;
  uploadId: string;
}

export async function listUploads(
  context: ObjectsContext,
  input: ListInput<UploadPosition>,
): Promise<ListResult<UploadTable, UploadPosition>> {
  const before = successor(input.prefix);
  const { from = { key: '', uploadId: '' } } = input;
  const isEarly = Buffer.compare(Buffer.from(from.key), Buffer.from(input.prefix)) < 0;
  return await walk<UploadTable, UploadPosition>({
    ...input,
    from: isEarly ? { key: input.prefix, uploadId: '' } : from,
    jump: (key) => ({ key, uploadId: '' }),
    keyOf: (upload) => upload.object_key,
    positionOf: (upload) => ({ key: upload.object_key, uploadId: upload.id }),
    fetch: (position, limit) =>
      listUploadRows(context.db.query, {
        bucketId: input.bucket.id,
        from: position,
        before,
        limit,
      }),
  });
}

/** Rows fetched at a time where groups may be jumped over: a large group costs no more than this. */
const GROUPED_BATCH = 64;

interface Walk<Row, Position> {
  prefix: string;
  delimiter: string | undefined;
  limit: number;
  from: Position;
  jump(key: string): Position;
  keyOf(row: Row): string;
  positionOf(row: Row): Position;
  fetch(from: Position, limit: number): Promise<readonly Row[]>;
}

async function walk<Row, Position>(w: Walk<Row, Position>): Promise<ListResult<Row, Position>> {
  const rows: Row[] = [];
  const groups: string[] = [];
  let position: Position | undefined = w.from;
  let lastName: string | undefined;
  if (w.limit === 0) return { rows, commonPrefixes: groups, next: undefined, lastName };
  const batch = w.delimiter === undefined ? w.limit + 1 : GROUPED_BATCH;
  while (position !== undefined) {
    const found: readonly Row[] = await w.fetch(position, batch);
    for (const row of found) {
      const key = w.keyOf(row);
      const group = groupOf(key, w.prefix, w.delimiter);
      if (group !== undefined && group === groups.at(-1)) continue;
      if (rows.length + groups.length === w.limit) {
        return { rows, commonPrefixes: groups, next: position, lastName };
      }
      lastName = group ?? key;
      if (group === undefined) rows.push(row);
      else groups.push(group);
      position = group === undefined ? w.positionOf(row) : afterGroup(w, group);
    }
    if (found.length < batch) position = undefined;
  }
  return { rows, commonPrefixes: groups, next: undefined, lastName };
}

function afterGroup<Row, Position>(w: Walk<Row, Position>, group: string): Position | undefined {
  const next = successor(group);
  return next === undefined ? undefined : w.jump(next);
}

/** The key up to the first delimiter behind the prefix, or undefined when there is none. */
function groupOf(key: string, prefix: string, delimiter: string | undefined): string | undefined {
  if (delimiter === undefined || !key.startsWith(prefix)) return undefined;
  const at = key.indexOf(delimiter, prefix.length);
  return at < 0 ? undefined : key.slice(0, at + delimiter.length);
}
