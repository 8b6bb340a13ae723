// Owns DeleteObjects: up to a thousand keys in one request, each with its own outcome.

import { ServiceError } from '@ironbark/core/errors.ts';
import { toS3Error } from '@ironbark/protocol/s3/errors.ts';
import { type DeleteRequest, parseDelete } from '@ironbark/protocol/s3/requests.ts';
import { type DeleteOutcome, renderDeleteResult } from '@ironbark/protocol/s3/results.ts';
import { MAX_XML_BYTES } from '@ironbark/protocol/s3/xml-reader.ts';
import { readAll } from '../app/byte-source.ts';
import { requireKey } from '../app/keys.ts';
import { deleteObject } from '../app/objects.ts';
import {
  type BucketAction,
  type BucketRequest,
  requireNullVersion,
  xmlResponse,
} from './action.ts';

export const deleteObjects: BucketAction = async (context, request) => {
  const body = await readAll(request.openBody(), MAX_XML_BYTES);
  const { quiet, objects } = parseDelete(body);
  const outcomes: DeleteOutcome[] = [];
  for (const object of objects) outcomes.push(await deleteOne(context, request, object));
  return xmlResponse(renderDeleteResult(outcomes, quiet));
};

async function deleteOne(
  context: Parameters<BucketAction>[0],
  request: BucketRequest,
  { key, versionId, etag }: DeleteRequest['objects'][number],
): Promise<DeleteOutcome> {
  request.touch(key);
  try {
    requireNullVersion(versionId);
    const conditions = { ifMatch: etag };
    await deleteObject(context, { bucket: request.bucket, key: requireKey(key), conditions });
    return { key, versionId };
  } catch (error) {
    if (!(error instanceof ServiceError)) throw error;
    const { code } = toS3Error(error);
    return { key, versionId, error: { code, message: error.message } };
  }
}
