// Owns reading an object's bytes: what is being read stays readable while it is overwritten or deleted.

import { ServiceError } from '@ironbark/core/errors.ts';
import { findCurrent, listSegments, type SegmentBlob } from '../store/objects.ts';
import type { BucketTable, ObjectVersionTable } from '../store/schema.ts';
import type { ObjectsContext } from './context.ts';
import { noSuchKey } from './not-found.ts';
import { fromVersionRow, type ObjectVersion } from './object-version.ts';

/** Both inclusive. */
export interface ByteRange {
  start: number;
  end: number;
}

export interface OpenObject extends Disposable {
  readonly version: ObjectVersion;
  /** Sizes of the parts, in order; one for an object that was put whole. */
  readonly partSizes: readonly number[];
  read(range: ByteRange): AsyncGenerator<Uint8Array>;
}

/** Each lost race means that somebody wrote the key; nobody wins this often by chance. */
const MAX_RACES = 100;

/**
 * Holds the version's blobs, then looks whether it is still current: from then on whoever replaces it sees the hold.
 */
export async function openObject(
  context: ObjectsContext,
  bucket: BucketTable,
  key: string,
): Promise<OpenObject> {
  for (let race = 0; race < MAX_RACES; race++) {
    const row = await findCurrent(context.db.query, bucket.id, key);
    if (row === undefined) throw noSuchKey(key);
    const segments = await listSegments(context.db.query, row.id);
    const hold = context.busy.hold(segments.map((segment) => segment.blobId));
    const again = await findCurrent(context.db.query, bucket.id, key);
    if (again?.id === row.id) {
      requireSize(row, segments);
      return {
        version: fromVersionRow(row),
        partSizes: segments.map((segment) => segment.sizeBytes),
        read: (range) => readSegments(context, segments, range),
        [Symbol.dispose]: () => hold[Symbol.dispose](),
      };
    }
    hold[Symbol.dispose]();
  }
  throw new ServiceError({
    kind: 'unavailable',
    resource: 'object',
    message: 'The object is being replaced all the time. Please try again.',
  });
}

/** The bytes have checks of their own; this one is for the row, which says how many of them are given out. */
function requireSize(
  { id, size_bytes: expected }: ObjectVersionTable,
  segments: readonly SegmentBlob[],
): void {
  const found = segments.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  if (found === expected) return;
  throw new Error(`version ${id} is damaged: ${expected} bytes, its parts have ${found}`);
}

async function* readSegments(
  context: ObjectsContext,
  segments: readonly SegmentBlob[],
  range: ByteRange,
): AsyncGenerator<Uint8Array> {
  let offset = 0;
  for (const { blobId, sizeBytes, blockCrcs } of segments) {
    const start = Math.max(range.start - offset, 0);
    const end = Math.min(range.end - offset, sizeBytes - 1);
    offset += sizeBytes;
    if (start > end && sizeBytes > 0) continue;
    await using blob = await context.blobs.open({ id: blobId, sizeBytes, blockCrcs });
    if (start <= end) yield* blob.read(start, end);
  }
}

/** The bytes that a Range header asks for; undefined where it is to be ignored. Source: RFC 9110, section 14. */
export function parseRange(header: string | undefined, sizeBytes: number): ByteRange | undefined {
  const match = /^bytes=(\d*)-(\d*)$/.exec(header?.trim() ?? '');
  const [, first = '', last = ''] = match ?? [];
  if (match === null || (first === '' && last === '')) return undefined;
  if (first === '') {
    const length = Math.min(Number(last), sizeBytes);
    if (length === 0) throw invalidRange(header!, sizeBytes);
    return { start: sizeBytes - length, end: sizeBytes - 1 };
  }
  const start = Number(first);
  const end = Math.min(last === '' ? Number.POSITIVE_INFINITY : Number(last), sizeBytes - 1);
  if (last !== '' && Number(last) < start) return undefined;
  if (start >= sizeBytes) throw invalidRange(header!, sizeBytes);
  return { start, end };
}

/** The bytes of one part, counted from 1. */
export function partRange(partSizes: readonly number[], partNumber: number): ByteRange {
  const size = partSizes[partNumber - 1];
  if (size === undefined) {
    throw new ServiceError({
      kind: 'invalid-range',
      resource: 'part',
      message: 'The requested partnumber is not satisfiable.',
      details: { ActualPartCount: String(partSizes.length) },
    });
  }
  const start = partSizes.slice(0, partNumber - 1).reduce((sum, part) => sum + part, 0);
  return { start, end: start + size - 1 };
}

function invalidRange(header: string, sizeBytes: number): ServiceError {
  return new ServiceError({
    kind: 'invalid-range',
    resource: 'object',
    message: 'The requested range is not satisfiable.',
    details: { RangeRequested: header, ActualObjectSize: String(sizeBytes) },
  });
}
