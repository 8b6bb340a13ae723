// Owns the headers of writes: which are kept with the object, and which ask for what is not offered.

import { ServiceError } from '@ironbark/core/errors.ts';
import { type ChecksumAlgorithm, findAlgorithm } from '@ironbark/protocol/s3/checksums.ts';
import type { ObjectHeaders } from '../app/object-version.ts';
import type { ReadConditions, WriteConditions } from '../app/preconditions.ts';
import type { S3Request } from './action.ts';

/** What an object says of itself; a reader may ask to be told otherwise. */
export const CONTENT_HEADERS: readonly string[] = [
  'cache-control',
  'content-disposition',
  'content-encoding',
  'content-language',
  'content-type',
  'expires',
];
/** Of one object: a copy has it only where the request for it brings one. */
export const REDIRECT_HEADER = 'x-amz-website-redirect-location';
const METADATA_PREFIX = 'x-amz-meta-';

/** S3's limit: names (without the prefix) and values, in bytes. */
const MAX_METADATA_BYTES = 2 * 1_024;
const DEFAULT_CONTENT_TYPE = 'binary/octet-stream';

/** What is stored with a new object. */
export function readObjectHeaders(request: S3Request): ObjectHeaders {
  const metadata = request.headerNames().filter((name) => name.startsWith(METADATA_PREFIX));
  requireMetadataFits(request, metadata);
  const kept: Record<string, string> = { 'content-type': DEFAULT_CONTENT_TYPE };
  for (const name of [...CONTENT_HEADERS, REDIRECT_HEADER, ...metadata]) {
    const value = request.header(name);
    const stored = name === 'content-encoding' ? stripAwsChunked(value) : value;
    if (stored !== undefined && stored !== '') kept[name] = stored;
    // An empty value is kept for metadata only.
    else if (value === '' && name.startsWith(METADATA_PREFIX)) kept[name] = '';
  }
  return kept;
}

/** `aws-chunked` is about the transfer, not about the object. */
function stripAwsChunked(value: string | undefined): string | undefined {
  const codings = (value ?? '').split(',').map((coding) => coding.trim());
  const kept = codings.filter((coding) => coding.toLowerCase() !== 'aws-chunked');
  if (kept.length === codings.length) return value;
  return kept.length === 0 ? undefined : kept.join(', ');
}

function requireMetadataFits(request: S3Request, names: readonly string[]): void {
  const size = names.reduce(
    (sum, name) => sum + name.length - METADATA_PREFIX.length + (request.header(name) ?? '').length,
    0,
  );
  if (size <= MAX_METADATA_BYTES) return;
  throw new ServiceError({
    kind: 'limit-exceeded',
    resource: 'user-data',
    message: 'Your metadata headers exceed the maximum allowed metadata size.',
    details: { Size: String(size), MaxSizeAllowed: String(MAX_METADATA_BYTES) },
  });
}

/** Headers that change what a write means, each with the values that change nothing. */
const NOT_OFFERED: readonly [string, readonly string[]][] = [
  ['x-amz-storage-class', ['STANDARD']],
  ['x-amz-write-offset-bytes', []],
];

/** A promise that is not kept is worse than a refusal. */
export function refuseNotOffered(request: Pick<S3Request, 'header'>): void {
  for (const [name, harmless] of NOT_OFFERED) {
    const value = request.header(name);
    if (value !== undefined && !harmless.includes(value)) throw notOffered(name, value);
  }
}

/** Of AWS; only the first is here. Source: S3 API reference, "PutObject". */
const STORAGE_CLASSES =
  /^(?:STANDARD|REDUCED_REDUNDANCY|STANDARD_IA|ONEZONE_IA|INTELLIGENT_TIERING|GLACIER|DEEP_ARCHIVE|OUTPOSTS|GLACIER_IR|SNOW|EXPRESS_ONEZONE|FSX_OPENZFS|FSX_ONTAP)$/;

function notOffered(name: string, value: string): ServiceError {
  if (name === 'x-amz-storage-class' && !STORAGE_CLASSES.test(value)) {
    return new ServiceError({
      kind: 'invalid-parameter',
      resource: 'storage-class',
      message: 'The storage class you specified is not valid',
      details: { StorageClassRequested: value },
    });
  }
  return new ServiceError({
    kind: 'unsupported',
    resource: name === 'x-amz-storage-class' ? 'storage-class' : 'request',
    message: `A header you provided implies functionality that is not implemented: ${name}: ${value}.`,
    details: { Header: name },
  });
}

export function readReadConditions(request: S3Request, prefix = ''): ReadConditions {
  return {
    ifMatch: request.header(`${prefix}if-match`),
    ifNoneMatch: request.header(`${prefix}if-none-match`),
    ifModifiedSince: request.header(`${prefix}if-modified-since`),
    ifUnmodifiedSince: request.header(`${prefix}if-unmodified-since`),
  };
}

export function readWriteConditions(request: S3Request): WriteConditions {
  return { ifMatch: request.header('if-match'), ifNoneMatch: request.header('if-none-match') };
}

/** From x-amz-checksum-algorithm, where a request has no body to carry the checksum itself. */
export function readChecksumAlgorithm(request: S3Request): ChecksumAlgorithm | undefined {
  const name = request.header('x-amz-checksum-algorithm');
  const algorithm = name === undefined ? undefined : findAlgorithm(name);
  if (name === undefined || algorithm !== undefined) return algorithm;
  throw new ServiceError({
    kind: 'invalid-parameter',
    resource: 'checksum',
    message: `Checksum algorithm provided is unsupported: ${name}.`,
  });
}
