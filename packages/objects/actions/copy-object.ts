// Owns CopyObject.

import { ServiceError } from '@ironbark/core/errors.ts';
import { renderCopyResult } from '@ironbark/protocol/s3/results.ts';
import { type CopyInput, copyObject as copy } from '../app/copies.ts';
import { makeSeal } from '../app/encryption.ts';
import type { ObjectIntent, ObjectVersion } from '../app/object-version.ts';
import { MAX_PUT_BYTES } from '../app/objects.ts';
import { requireCopyConditions } from '../app/preconditions.ts';
import {
  type BucketAction,
  type BucketRequest,
  invalidArgument,
  newVersionHeader,
  xmlResponse,
} from './action.ts';
import { fromSource, readCopySource } from './copy-source.ts';
import { encryptionHeaders, readEncryptionWish, readSourceKey } from './encryption-headers.ts';
import {
  REDIRECT_HEADER,
  readChecksumAlgorithm,
  readReadConditions,
  readWriteConditions,
} from './object-headers.ts';
import { readIntent } from './object-intent.ts';

export const copyObject: BucketAction = async (context, request) => {
  const { bucket, key } = request;
  const intent = await readIntent(context, request);
  const source = await readCopySource(context, request);
  const replaces = readDirective(request, 'x-amz-metadata-directive');
  const retags = readDirective(request, 'x-amz-tagging-directive');
  const wish = readEncryptionWish(context, request, bucket);
  const isSame = source.bucket.id === bucket.id && source.key === key;
  const changes =
    replaces ||
    wish !== undefined ||
    source.versionId !== undefined ||
    request.header(REDIRECT_HEADER) !== undefined;
  if (isSame && !changes) throw copyToItself();
  const checksum = readChecksumAlgorithm(request);
  let from: ObjectVersion | undefined;
  const input: CopyInput = {
    source,
    target: { bucket, key },
    describe: (original): ObjectIntent => {
      from = original;
      requireCopyConditions(readReadConditions(request, 'x-amz-copy-source-'), original);
      requireCopyable(original);
      return {
        ...intent,
        headers: replaces ? intent.headers : copiedHeaders(original, intent),
        tags: retags ? intent.tags : original.tags,
      };
    },
    conditions: readWriteConditions(request),
    seal: await makeSeal(context, bucket, wish),
    sourceKey: readSourceKey(request),
    checksum,
  };
  const version = await fromSource(() => copy(context, input));
  const isVersioned = source.bucket.versioning !== null && from !== undefined;
  return xmlResponse(renderCopyResult('CopyObjectResult', version), {
    ...newVersionHeader(bucket, version.versionId),
    ...encryptionHeaders(version.encryption),
    ...(isVersioned ? { 'x-amz-copy-source-version-id': from!.versionId } : {}),
  });
};

function copiedHeaders({ headers }: ObjectVersion, intent: ObjectIntent): ObjectIntent['headers'] {
  const { [REDIRECT_HEADER]: _, ...copied } = headers;
  const redirect = intent.headers[REDIRECT_HEADER];
  return redirect === undefined ? copied : { ...copied, [REDIRECT_HEADER]: redirect };
}

/** True when the request brings these of the copy. */
function readDirective(request: BucketRequest, name: string): boolean {
  const directive = request.header(name) ?? 'COPY';
  if (directive === 'COPY' || directive === 'REPLACE') return directive === 'REPLACE';
  throw invalidArgument(name, directive, 'Unknown directive.');
}

function requireCopyable(original: ObjectVersion): void {
  if (original.sizeBytes <= MAX_PUT_BYTES) return;
  throw new ServiceError({
    kind: 'operation-not-permitted',
    resource: 'copy-source',
    message:
      'The specified copy source is larger than the maximum allowable size for a copy source; copy it in parts.',
  });
}

function copyToItself(): ServiceError {
  return new ServiceError({
    kind: 'operation-not-permitted',
    resource: 'copy-source',
    message:
      "This copy request is illegal because it is trying to copy an object to itself without changing the object's " +
      'metadata, storage class, website redirect location or encryption attributes.',
  });
}
