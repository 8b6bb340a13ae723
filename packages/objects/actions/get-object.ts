// Owns GetObject and HeadObject.

import { ServiceError } from '@ironbark/core/errors.ts';
import { type Checksum, checksumHeader } from '@ironbark/protocol/s3/checksums.ts';
import { quoteEtag } from '@ironbark/protocol/s3/list-results.ts';
import { renderLockTime } from '@ironbark/protocol/s3/object-lock.ts';
import type { ObjectsContext } from '../app/context.ts';
import { expirationHeader } from '../app/lifecycle.ts';
import {
  type ByteRange,
  type OpenObject,
  openObject,
  parseRange,
  partRange,
} from '../app/object-reading.ts';
import type { ObjectVersion } from '../app/object-version.ts';
import { matchesEtag, requireReadConditions } from '../app/preconditions.ts';
import { requirePartNumber } from '../app/uploads.ts';
import {
  type BucketAction,
  type BucketRequest,
  invalidArgument,
  readVersionId,
  type S3Response,
  versionHeader,
} from './action.ts';
import { encryptionHeaders, readCustomerKey, refuseManagedHeaders } from './encryption-headers.ts';
import { CONTENT_HEADERS, readReadConditions } from './object-headers.ts';

export const getObject: BucketAction = async (context, request) => {
  const object = await openRequested(context, request);
  try {
    const { range, ...response } = describe(context, request, object);
    const sizeBytes = range.end - range.start + 1;
    const small = object.readSmall(range);
    if (small !== undefined) {
      const body = await small;
      object[Symbol.dispose]();
      return { ...response, body };
    }
    const chunks = object.read(range);
    return { ...response, body: { sizeBytes, chunks, [Symbol.dispose]: object[Symbol.dispose] } };
  } catch (error) {
    object[Symbol.dispose]();
    throw error;
  }
};

export const headObject: BucketAction = async (context, request) => {
  using object = await openRequested(context, request);
  const { range, ...response } = describe(context, request, object);
  const length = String(range.end - range.start + 1);
  return { ...response, headers: { ...response.headers, 'content-length': length } };
};

async function openRequested(
  context: Parameters<BucketAction>[0],
  request: BucketRequest,
): Promise<OpenObject> {
  refuseManagedHeaders(request);
  const { bucket, key } = request;
  const name = { bucket, key, versionId: readVersionId(request) };
  return await openObject(context, name, readCustomerKey(request));
}

/** Status, headers and the bytes to send. */
function describe(
  context: ObjectsContext,
  request: BucketRequest,
  object: OpenObject,
): S3Response & { range: ByteRange } {
  const { version } = object;
  requireReadConditions(readReadConditions(request), version);
  const asked = askedRange(request, object);
  const whole = { start: 0, end: version.sizeBytes - 1 };
  const headers = {
    ...version.headers,
    ...overrides(request),
    'accept-ranges': 'bytes',
    etag: quoteEtag(version.etag),
    'last-modified': new Date(version.lastModifiedMs).toUTCString(),
    ...modeChecksum(request, askedChecksum(request, object, asked)),
    ...partCount(request, object),
    ...versionHeader(request.bucket, version.versionId),
    ...encryptionHeaders(version.encryption),
    ...tagCount(version),
    ...lockHeaders(version),
    ...expirationHeader(request.bucket, version, context.clock.nowMs()),
  };
  if (asked === undefined) return { status: 200, headers, range: whole };
  const contentRange = `bytes ${asked.start}-${asked.end}/${version.sizeBytes}`;
  return { status: 206, headers: { ...headers, 'content-range': contentRange }, range: asked };
}

function askedRange(request: BucketRequest, object: OpenObject): ByteRange | undefined {
  const partNumber = request.query.get('partNumber');
  if (partNumber !== undefined) {
    if (request.header('range') !== undefined) throw rangeOfPart();
    return partRange(object.parts, requirePartNumber(partNumber));
  }
  const ifRange = request.header('if-range');
  const isOther = ifRange !== undefined && !isSameVersion(ifRange, object.version);
  return isOther ? undefined : parseRange(request.header('range'), object.version.sizeBytes);
}

function rangeOfPart(): ServiceError {
  return new ServiceError({
    kind: 'operation-not-permitted',
    resource: 'request',
    message: 'Cannot specify both Range header and partNumber query parameter',
  });
}

/** If-Range: an entity tag or a date; another version is sent whole. */
function isSameVersion(ifRange: string, version: ObjectVersion): boolean {
  const isDate = !Number.isNaN(Date.parse(ifRange));
  return isDate
    ? Date.parse(ifRange) >= Math.floor(version.lastModifiedMs / 1_000) * 1_000
    : matchesEtag(ifRange, version.etag);
}

function partCount(request: BucketRequest, object: OpenObject): Record<string, string> {
  if (!request.query.has('partNumber') || object.version.uploadId === undefined) return {};
  return { 'x-amz-mp-parts-count': String(object.parts.length) };
}

/** Of what is sent: the whole, or one part. A range has none. */
function askedChecksum(
  request: BucketRequest,
  { version, parts }: OpenObject,
  asked: ByteRange | undefined,
): Checksum | undefined {
  const { checksum, uploadId } = version;
  if (asked === undefined || checksum === undefined) return checksum;
  const partNumber = request.query.get('partNumber');
  if (partNumber === undefined) return undefined;
  const value = parts[Number(partNumber) - 1]?.checksum ?? undefined;
  if (uploadId === undefined) return checksum;
  return value === undefined ? undefined : { ...checksum, value };
}

function tagCount({ tags }: ObjectVersion): Record<string, string> {
  return tags.length === 0 ? {} : { 'x-amz-tagging-count': String(tags.length) };
}

function lockHeaders({ lock }: ObjectVersion): Record<string, string> {
  const { retention, hasLegalHold } = lock;
  return {
    ...(retention === undefined
      ? {}
      : {
          'x-amz-object-lock-mode': retention.mode,
          'x-amz-object-lock-retain-until-date': renderLockTime(retention.untilMs),
        }),
    ...(hasLegalHold ? { 'x-amz-object-lock-legal-hold': 'ON' } : {}),
  };
}

/** Sent only to callers that ask, and only with the whole object, for which it holds. */
function modeChecksum(
  request: BucketRequest,
  checksum: Checksum | undefined,
): Record<string, string> {
  const isAsked = request.header('x-amz-checksum-mode')?.toUpperCase() === 'ENABLED';
  if (!isAsked || checksum === undefined) return {};
  return {
    [checksumHeader(checksum.algorithm)]: checksum.value,
    'x-amz-checksum-type': checksum.type,
  };
}

/** `response-content-type` and the like, which only a signed request may give. */
function overrides(request: BucketRequest): ObjectVersion['headers'] {
  const isAnonymous = request.principal === undefined;
  const given = CONTENT_HEADERS.flatMap((name) => {
    const value = request.query.get(`response-${name}`);
    if (value === undefined) return [];
    if (!isAnonymous) return [[name, toHeaderValue(name, value)] as const];
    throw anonymousOverride();
  });
  return Object.fromEntries(given);
}

/** Header values are one character a byte on their way out, and end at the line's end. */
function toHeaderValue(name: string, text: string): string {
  const value = Buffer.from(text).toString('latin1');
  if (/^[\t\x20-\x7e\x80-\xff]*$/.test(value)) return value;
  throw invalidArgument(`response-${name}`, text, 'A header cannot have this value.');
}

function anonymousOverride(): ServiceError {
  return new ServiceError({
    kind: 'operation-not-permitted',
    resource: 'request',
    message: 'Request specific response headers cannot be used for anonymous GET requests.',
  });
}
