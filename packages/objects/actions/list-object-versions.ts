// Owns ListObjectVersions.

import { renderListVersions } from '@ironbark/protocol/s3/list-results.ts';
import { afterMarker, afterVersion, listVersions } from '../app/listing.ts';
import {
  type BucketAction,
  type BucketRequest,
  invalidArgument,
  readEncodingType,
  readLimit,
  xmlResponse,
} from './action.ts';
import { describeListed, MAX_KEYS } from './list-objects.ts';

export const listObjectVersions: BucketAction = async (context, request) => {
  const { bucket, bucketName, query } = request;
  const prefix = query.get('prefix') ?? '';
  const delimiter = query.get('delimiter') || undefined;
  const maxKeys = readLimit(request, 'max-keys', MAX_KEYS);
  const encodingType = readEncodingType(request);
  const from = await readFrom(context, request);
  const page = await listVersions(context, { bucket, prefix, delimiter, limit: maxKeys, from });
  const { rows, commonPrefixes, next, lastName } = page;
  const last = rows.at(-1);
  const lastVersion = last?.key === lastName ? last?.versionId : undefined;
  return xmlResponse(
    renderListVersions({
      bucket: bucketName,
      ...{ prefix, delimiter, maxKeys, encodingType, commonPrefixes },
      keyMarker: query.get('key-marker') ?? '',
      versionIdMarker: query.get('version-id-marker') ?? '',
      isTruncated: next !== undefined,
      next: next === undefined ? undefined : { key: lastName ?? '', versionId: lastVersion ?? '' },
      versions: rows.map((row) => {
        const { versionId, isLatest, isDeleteMarker } = row;
        return { ...describeListed(request, row), versionId, isLatest, isDeleteMarker };
      }),
    }),
  );
};

async function readFrom(context: Parameters<BucketAction>[0], request: BucketRequest) {
  const { bucket, query } = request;
  const key = query.get('key-marker') ?? '';
  const versionId = query.get('version-id-marker') ?? '';
  if (key === '') {
    if (versionId === '') return undefined;
    throw invalidArgument(
      'version-id-marker',
      versionId,
      'A version-id marker cannot be specified without a key marker.',
    );
  }
  const delimiter = query.get('delimiter') || undefined;
  const place = afterMarker(key, query.get('prefix') ?? '', delimiter);
  if (place.inclusive) return { key: place.key };
  return await afterVersion(context, { bucket, key, versionId });
}
