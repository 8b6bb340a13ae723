// Owns the source of copies: x-amz-copy-source and its conditions, with the same checks as a read of it.

import { isServiceError, ServiceError } from '@ironbark/core/errors.ts';
import { requireBucket } from '../app/access.ts';
import { requireKey } from '../app/keys.ts';
import { requireVersionId, type VersionName } from '../app/version-lookup.ts';
import type { BucketAction, S3Request } from './action.ts';
import { decodeName } from './decode-name.ts';

export const COPY_SOURCE = 'x-amz-copy-source';

/** The caller has to be allowed to read the source as well. */
export async function readCopySource(
  context: Parameters<BucketAction>[0],
  request: S3Request,
): Promise<VersionName> {
  const text = request.header(COPY_SOURCE) ?? '';
  const [path = '', version] = text.replace(/^\//, '').split('?versionId=');
  const name = decodeName(path);
  const slash = name.indexOf('/');
  if (slash < 1 || slash === name.length - 1) throw badSource();
  const versionId = requireVersionId(version);
  const key = requireKey(name.slice(slash + 1));
  const bucket = await requireBucket(context, request, {
    operation: 'GetObject',
    name: name.slice(0, slash),
    key,
    versionId,
    expectedOwner: request.header('x-amz-source-expected-bucket-owner'),
  });
  return { bucket, key, versionId };
}

/** Reads the source; a delete marker that the request names is no source, whatever else it could be. */
export async function fromSource<Result>(work: () => Promise<Result>): Promise<Result> {
  try {
    return await work();
  } catch (error) {
    const isMarker = isServiceError(error, 'unknown-action') && 'DeleteMarker' in error.details;
    throw isMarker ? sourceIsMarker(error) : error;
  }
}

function sourceIsMarker(cause: unknown): ServiceError {
  return new ServiceError({
    kind: 'operation-not-permitted',
    resource: 'copy-source',
    message:
      'The source of a copy request may not specifically refer to a delete marker by version id.',
    cause,
  });
}

function badSource(): ServiceError {
  return new ServiceError({
    kind: 'invalid-parameter',
    resource: 'copy-source',
    message: 'Copy Source must mention the source bucket and key: sourcebucket/sourcekey.',
    details: { ArgumentName: COPY_SOURCE },
  });
}
