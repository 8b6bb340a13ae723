// Owns PutObject.

import { checksumHeader } from '@ironbark/protocol/s3/checksums.ts';
import { quoteEtag } from '@ironbark/protocol/s3/list-results.ts';
import type { Bucket } from '../app/bucket-settings.ts';
import type { ObjectsContext } from '../app/context.ts';
import { makeSeal } from '../app/encryption.ts';
import { expirationHeader } from '../app/lifecycle.ts';
import type { ObjectVersion } from '../app/object-version.ts';
import { putObject as put } from '../app/objects.ts';
import { type BucketAction, newVersionHeader } from './action.ts';
import { requireLength } from './body-length.ts';
import { encryptionHeaders, readEncryptionWish } from './encryption-headers.ts';
import { readWriteConditions } from './object-headers.ts';
import { readIntent } from './object-intent.ts';

export const putObject: BucketAction = async (context, request) => {
  const { bucket, key } = request;
  const intent = await readIntent(context, request);
  const wish = readEncryptionWish(context, request, bucket);
  const source = request.openBody({ keepsNoChunk: true });
  requireLength(source);
  const version = await put(context, {
    ...{ bucket, key, intent, source },
    conditions: readWriteConditions(request),
    seal: await makeSeal(context, bucket, wish),
  });
  return { status: 200, headers: writtenHeaders(context, bucket, version) };
};

/** What a writer is told of the object that it made. */
export function writtenHeaders(
  context: ObjectsContext,
  bucket: Bucket,
  version: ObjectVersion,
): Record<string, string> {
  return {
    etag: quoteEtag(version.etag),
    ...checksumHeaders(version.checksum),
    ...newVersionHeader(bucket, version.versionId),
    ...encryptionHeaders(version.encryption),
    ...expirationHeader(bucket, version, context.clock.nowMs()),
  };
}

export function checksumHeaders(checksum: ObjectVersion['checksum']): Record<string, string> {
  if (checksum === undefined) return {};
  return {
    [checksumHeader(checksum.algorithm)]: checksum.value,
    'x-amz-checksum-type': checksum.type,
  };
}
