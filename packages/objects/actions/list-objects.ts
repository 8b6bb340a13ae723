// Owns ListObjects and ListObjectsV2.

import {
  type ListedObject,
  type ListPage,
  renderListObjects,
  renderListObjectsV2,
} from '@ironbark/protocol/s3/list-results.ts';
import { objectOwner } from '../app/acl.ts';
import { afterMarker, type KeyPosition, listObjects as list } from '../app/listing.ts';
import type { ObjectVersion } from '../app/object-version.ts';
import {
  type BucketAction,
  type BucketRequest,
  invalidArgument,
  readEncodingType,
  readLimit,
  xmlResponse,
} from './action.ts';

export const MAX_KEYS = 1_000;

export const listObjects: BucketAction = async (context, request) => {
  const marker = request.query.get('marker') ?? '';
  const { page, lastName } = await readPage(context, request, markerPosition(request, marker));
  const hasNext = page.isTruncated && page.delimiter !== undefined;
  return xmlResponse(
    renderListObjects({
      ...page,
      marker,
      nextMarker: hasNext ? lastName : undefined,
    }),
  );
};

export const listObjectsV2: BucketAction = async (context, request) => {
  const type = request.query.get('list-type') ?? '';
  if (type !== '2') throw invalidArgument('list-type', type, 'list-type must be 2.');
  const startAfter = request.query.get('start-after');
  const token = request.query.get('continuation-token');
  const from = token ? parseToken(token) : markerPosition(request, startAfter ?? '');
  const { page, next } = await readPage(context, request, from);
  return xmlResponse(
    renderListObjectsV2({
      ...page,
      startAfter,
      token,
      nextToken: next === undefined ? undefined : renderToken(next),
      withOwners: request.query.get('fetch-owner') === 'true',
    }),
  );
};

async function readPage(
  context: Parameters<BucketAction>[0],
  request: BucketRequest,
  from: KeyPosition | undefined,
): Promise<{ page: ListPage; next: KeyPosition | undefined; lastName: string | undefined }> {
  const prefix = request.query.get('prefix') ?? '';
  const delimiter = request.query.get('delimiter') || undefined;
  const maxKeys = readLimit(request, 'max-keys', MAX_KEYS);
  const encodingType = readEncodingType(request);
  const input = { bucket: request.bucket, prefix, delimiter, limit: maxKeys, from };
  const { rows, commonPrefixes, next, lastName } = await list(context, input);
  const page: ListPage = {
    bucket: request.bucketName,
    prefix,
    delimiter,
    maxKeys,
    objects: rows.map((row) => describeListed(request, row)),
    commonPrefixes,
    isTruncated: next !== undefined,
    encodingType,
  };
  return { page, next, lastName };
}

export function describeListed({ bucket }: BucketRequest, version: ObjectVersion): ListedObject {
  const { key, sizeBytes, etag, lastModifiedMs, checksum } = version;
  const ownerId = objectOwner(bucket, version);
  return { key, sizeBytes, etag, lastModifiedMs, ownerId, ...(checksum ? { checksum } : {}) };
}

function markerPosition(request: BucketRequest, marker: string): KeyPosition | undefined {
  if (marker === '') return undefined;
  const delimiter = request.query.get('delimiter') || undefined;
  return afterMarker(marker, request.query.get('prefix') ?? '', delimiter);
}

/** Opaque to clients; only ever a place in the order of keys. */
function renderToken(position: KeyPosition): string {
  const mark = position.inclusive ? '1' : '0';
  return Buffer.from(mark + position.key).toString('base64url');
}

function parseToken(token: string): KeyPosition {
  const text = Buffer.from(token, 'base64url').toString();
  if (/^[01]/.test(text)) return { key: text.slice(1), inclusive: text[0] === '1' };
  throw invalidArgument(
    'continuation-token',
    token,
    'The continuation token provided is incorrect.',
  );
}
