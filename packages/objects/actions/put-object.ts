// Owns PutObject.

import { checksumHeader } from '@ironbark/protocol/s3/checksums.ts';
import { quoteEtag } from '@ironbark/protocol/s3/list-results.ts';
import type { ObjectVersion } from '../app/object-version.ts';
import { putObject as put } from '../app/objects.ts';
import type { BucketAction } from './action.ts';
import { requireLength } from './body-length.ts';
import { readObjectHeaders, readWriteConditions, refuseNotOffered } from './object-headers.ts';

export const putObject: BucketAction = async (context, request) => {
  refuseNotOffered(request);
  const source = request.openBody();
  requireLength(source);
  const version = await put(context, {
    bucket: request.bucket,
    key: request.key,
    headers: readObjectHeaders(request),
    source,
    conditions: readWriteConditions(request),
  });
  return {
    status: 200,
    headers: { etag: quoteEtag(version.etag), ...checksumHeaders(version.checksum) },
  };
};

export function checksumHeaders(checksum: ObjectVersion['checksum']): Record<string, string> {
  if (checksum === undefined) return {};
  return {
    [checksumHeader(checksum.algorithm)]: checksum.value,
    'x-amz-checksum-type': checksum.type,
  };
}
