// Owns GetObjectAttributes.

import { renderObjectAttributes } from '@ironbark/protocol/s3/object-attributes.ts';
import { openObject } from '../app/object-reading.ts';
import { requireReadConditions } from '../app/preconditions.ts';
import {
  type BucketAction,
  type BucketRequest,
  invalidArgument,
  readVersionId,
  versionHeader,
  xmlResponse,
} from './action.ts';
import { readCustomerKey } from './encryption-headers.ts';
import { readReadConditions } from './object-headers.ts';

const KNOWN = ['ETag', 'Checksum', 'ObjectParts', 'StorageClass', 'ObjectSize'];
const MAX_PARTS_A_PAGE = 1_000;

export const getObjectAttributes: BucketAction = async (context, request) => {
  const { bucket, key } = request;
  const wanted = readWanted(request);
  const name = { bucket, key, versionId: readVersionId(request) };
  using object = await openObject(context, name, readCustomerKey(request));
  const { version, parts } = object;
  requireReadConditions(readReadConditions(request), version);
  const { etag, checksum, sizeBytes, uploadId } = version;
  const body = renderObjectAttributes(wanted, {
    ...{ etag, checksum, sizeBytes },
    parts: uploadId === undefined ? undefined : parts,
    after: readHeaderNumber(request, 'x-amz-part-number-marker', 0),
    maxParts: readHeaderNumber(request, 'x-amz-max-parts', MAX_PARTS_A_PAGE),
  });
  return xmlResponse(body, {
    ...versionHeader(bucket, version.versionId),
    'last-modified': new Date(version.lastModifiedMs).toUTCString(),
  });
};

function readWanted(request: BucketRequest): ReadonlySet<string> {
  const text = request.header('x-amz-object-attributes') ?? '';
  const names = text.split(',').map((name) => name.trim());
  const unknown = names.find((name) => !KNOWN.includes(name));
  if (unknown === undefined) return new Set(names);
  throw invalidArgument('x-amz-object-attributes', unknown, 'Invalid attribute name specified.');
}

function readHeaderNumber(request: BucketRequest, name: string, otherwise: number): number {
  const text = request.header(name);
  if (text === undefined || text === '') return otherwise;
  if (/^\d{1,9}$/.test(text)) return Math.min(Number(text), otherwise || Number(text));
  throw invalidArgument(name, text, `Provided ${name} not an integer or within integer range.`);
}
