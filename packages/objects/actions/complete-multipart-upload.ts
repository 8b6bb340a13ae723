// Owns CompleteMultipartUpload.

import { CHECKSUM_ALGORITHMS, checksumHeader } from '@ironbark/protocol/s3/checksums.ts';
import { parseCompleteMultipartUpload } from '@ironbark/protocol/s3/requests.ts';
import { renderCompleteUpload } from '@ironbark/protocol/s3/results.ts';
import { MAX_XML_BYTES } from '@ironbark/protocol/s3/xml-reader.ts';
import { readAll } from '../app/byte-source.ts';
import { expirationHeader } from '../app/lifecycle.ts';
import { type CompleteInput, completeUpload } from '../app/upload-completion.ts';
import {
  type BucketAction,
  type BucketRequest,
  locationOf,
  newVersionHeader,
  xmlResponse,
} from './action.ts';
import { encryptionHeaders, readCustomerKey } from './encryption-headers.ts';
import { readWriteConditions } from './object-headers.ts';

export const completeMultipartUpload: BucketAction = async (context, request) => {
  const body = await readAll(request.openBody({ checksumIsOfObject: true }), MAX_XML_BYTES);
  const { bucket, key, bucketName } = request;
  const version = await completeUpload(context, {
    bucket,
    key,
    uploadId: request.query.get('uploadId') ?? '',
    parts: parseCompleteMultipartUpload(body),
    conditions: readWriteConditions(request),
    customer: readCustomerKey(request),
    expected: readExpected(request),
  });
  const location = locationOf(request, key);
  const { etag, checksum } = version;
  const result = { location, bucket: bucketName, key, etag, checksum };
  return xmlResponse(renderCompleteUpload(result), {
    ...newVersionHeader(bucket, version.versionId),
    ...encryptionHeaders(version.encryption),
    ...expirationHeader(bucket, version, context.clock.nowMs()),
  });
};

function readExpected(request: BucketRequest): CompleteInput['expected'] {
  const size = request.header('x-amz-mp-object-size');
  const algorithm = CHECKSUM_ALGORITHMS.find(
    (name) => request.header(checksumHeader(name)) !== undefined,
  );
  return {
    sizeBytes: size === undefined ? undefined : Number(size),
    checksum:
      algorithm === undefined
        ? undefined
        : { algorithm, value: request.header(checksumHeader(algorithm))! },
  };
}
