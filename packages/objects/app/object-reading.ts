// Owns reading an object's bytes: what is being read stays readable while it is overwritten or deleted.

import { ServiceError } from '@ironbark/core/errors.ts';
import { findCurrentObject, listSegments, type SegmentBlob } from '../store/objects.ts';
import type { ObjectVersionTable } from '../store/schema.ts';
import { heldName, openBlob } from './blob-reading.ts';
import type { ObjectsContext } from './context.ts';
import { type CustomerKey, crypt, cryptWhole, type ObjectSeal, openSeal } from './encryption.ts';
import { fromVersionRow, type ObjectVersion } from './object-version.ts';
import { findSelectedRow, getSelectedRow, type VersionName } from './version-lookup.ts';

/** Both inclusive. */
export interface ByteRange {
  start: number;
  end: number;
}

export interface OpenObject extends Disposable {
  readonly version: ObjectVersion;
  /** In order; one for an object that was put whole. */
  readonly parts: readonly ObjectPart[];
  read(range: ByteRange): AsyncGenerator<Uint8Array>;
  /** All at once, where they are few enough to stand in the log; undefined: they are not. */
  readSmall(range: ByteRange): Promise<Uint8Array> | undefined;
}

export interface ObjectPart {
  sizeBytes: number;
  /** Base64, in the object's algorithm; null where the part has none. */
  checksum: string | null;
}

/** Each lost race means that somebody wrote the key; nobody wins this often by chance. */
const MAX_RACES = 100;

/**
 * Finds the version and holds its blobs. Whoever removes bytes waits until all who look have found theirs, and then sees
 * who holds them; so all that can happen meanwhile is that the version goes before its segments are listed.
 */
export async function openObject(
  context: ObjectsContext,
  name: VersionName,
  customer?: CustomerKey,
): Promise<OpenObject> {
  using _look = context.busy.beginLook();
  const read = context.gateway.beginRead();
  try {
    return await findAndHold(context, { name, customer, read });
  } catch (error) {
    read[Symbol.dispose]();
    throw error;
  }
}

async function findAndHold(
  context: ObjectsContext,
  { name, customer, read }: Pick<Held, 'name' | 'customer'> & { read: Disposable },
): Promise<OpenObject> {
  const { query } = context.db;
  for (let race = 0; race < MAX_RACES; race++) {
    const { row, segments } = await lookUp(context, name);
    const isWhole = sizeOf(segments) === row.size_bytes && segments.length > 0;
    if (!isWhole && (await findSelectedRow(query, name))?.id !== row.id) continue;
    const here = context.busy.hold(segments.map((segment) => heldName(segment.blobId, segment)));
    const hold = both(here, read);
    try {
      return await open(context, { name, row, segments, hold, customer });
    } catch (error) {
      hold[Symbol.dispose]();
      throw error;
    }
  }
  throw new ServiceError({
    kind: 'unavailable',
    resource: 'object',
    message: 'The object is being replaced all the time. Please try again.',
  });
}

/** One query for what was put whole. */
async function lookUp(
  { db: { query } }: ObjectsContext,
  name: VersionName,
): Promise<Pick<Held, 'row' | 'segments'>> {
  if (name.versionId === undefined) {
    const found = await findCurrentObject(query, name.bucket.id, name.key);
    if (found?.segment !== undefined) return { row: found.row, segments: [found.segment] };
  }
  const row = await getSelectedRow(query, name);
  return { row, segments: await listSegments(query, row.id) };
}

/** Here, and for all other gateways. */
function both(here: Disposable, read: Disposable): Disposable {
  return {
    [Symbol.dispose]: () => {
      here[Symbol.dispose]();
      read[Symbol.dispose]();
    },
  };
}

interface Held {
  name: VersionName;
  row: ObjectVersionTable;
  segments: readonly SegmentBlob[];
  hold: Disposable;
  customer: CustomerKey | undefined;
}

async function open(context: ObjectsContext, held: Held): Promise<OpenObject> {
  const { row, segments, hold } = held;
  requireSize(row, segments);
  const version = fromVersionRow(row);
  const seal = await openSeal(context, held.name.bucket, version.encryption, held.customer);
  return {
    version,
    parts: segments.map(({ sizeBytes, checksum }) => ({ sizeBytes, checksum })),
    read: (range) => readSegments(context, segments, range, seal),
    readSmall: (range) => readSmall(context, segments, range, seal),
    [Symbol.dispose]: () => hold[Symbol.dispose](),
  };
}

/** The bytes have checks of their own; this one is for the row, which says how many of them are given out. */
function requireSize(
  { id, size_bytes: expected }: ObjectVersionTable,
  segments: readonly SegmentBlob[],
): void {
  const found = sizeOf(segments);
  if (found === expected) return;
  throw new Error(`version ${id} is damaged: ${expected} bytes, its parts have ${found}`);
}

function sizeOf(segments: readonly SegmentBlob[]): number {
  return segments.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
}

async function* readSegments(
  context: ObjectsContext,
  segments: readonly SegmentBlob[],
  range: ByteRange,
  seal: ObjectSeal | undefined,
): AsyncGenerator<Uint8Array> {
  let offset = 0;
  for (const segment of segments) {
    const { sizeBytes, nonce } = segment;
    const start = Math.max(range.start - offset, 0);
    const end = Math.min(range.end - offset, sizeBytes - 1);
    offset += sizeBytes;
    if (start > end && sizeBytes > 0) continue;
    await using blob = await openBlob(context, { ...segment, id: segment.blobId });
    if (start > end) continue;
    const bytes = blob.read(start, end);
    yield* nonce === null ? bytes : crypt(bytes, { key: keyOf(seal), nonce, offset: start });
  }
}

function readSmall(
  { log }: ObjectsContext,
  segments: readonly SegmentBlob[],
  { start, end }: ByteRange,
  seal: ObjectSeal | undefined,
): Promise<Uint8Array> | undefined {
  const [segment] = segments;
  if (segments.length !== 1 || segment === undefined || log === undefined) return undefined;
  const { blobId: id, sizeBytes, blockCrcs, nonce, logFile: file, logOffset: offset } = segment;
  if (file === null || offset === null) return undefined;
  return log.read({ id, sizeBytes, blockCrcs, place: { file, offset } }).then((bytes) => {
    const asked = bytes.subarray(start, end + 1);
    return nonce === null ? asked : cryptWhole(asked, { key: keyOf(seal), nonce, offset: start });
  });
}

function keyOf(seal: ObjectSeal | undefined): Buffer {
  if (seal === undefined) throw new Error('a blob is encrypted and its version does not say how');
  return seal.key;
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
export function partRange(
  parts: readonly Pick<ObjectPart, 'sizeBytes'>[],
  partNumber: number,
): ByteRange {
  const size = parts[partNumber - 1]?.sizeBytes;
  if (size === undefined) {
    throw new ServiceError({
      kind: 'invalid-range',
      resource: 'part',
      message: 'The requested partnumber is not satisfiable.',
      details: { ActualPartCount: String(parts.length) },
    });
  }
  const start = parts.slice(0, partNumber - 1).reduce((sum, part) => sum + part.sizeBytes, 0);
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
