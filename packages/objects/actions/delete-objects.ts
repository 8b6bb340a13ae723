// Owns DeleteObjects: up to a thousand keys in one request, each with its own outcome.

import { ServiceError } from '@ironbark/core/errors.ts';
import { toS3Error } from '@ironbark/protocol/s3/errors.ts';
import { type DeleteRequest, parseDelete } from '@ironbark/protocol/s3/requests.ts';
import { type DeleteOutcome, renderDeleteResult } from '@ironbark/protocol/s3/results.ts';
import { MAX_XML_BYTES } from '@ironbark/protocol/s3/xml-reader.ts';
import { requireAccess } from '../app/access.ts';
import { readAll } from '../app/byte-source.ts';
import { requireKey } from '../app/keys.ts';
import { deleteObject } from '../app/objects.ts';
import { requireVersionId } from '../app/version-lookup.ts';
import { type BucketAction, type BucketRequest, xmlResponse } from './action.ts';
import { bypassesGovernance } from './governance.ts';

/** Whether the caller may is asked for each key: a request as a whole has no resource that a policy could name. */
export const deleteObjects: BucketAction = async (context, request) => {
  const { bucket, operation } = request;
  // Without a policy no key differs from another one.
  if (!bucket.settings.has('policy')) await requireAccess(context, request, { bucket, operation });
  const body = await readAll(request.openBody(), MAX_XML_BYTES);
  const { quiet, objects } = await parseFor(context, request, body);
  const outcomes: DeleteOutcome[] = [];
  for (const object of objects) outcomes.push(await deleteOne(context, request, object));
  return xmlResponse(renderDeleteResult(outcomes, quiet));
};

/** Who may not delete is told that, and not what is wrong with the body; where it names no keys, any key stands for them. */
async function parseFor(
  context: Parameters<BucketAction>[0],
  request: BucketRequest,
  body: Uint8Array,
): Promise<DeleteRequest> {
  try {
    return parseDelete(body);
  } catch (error) {
    const { bucket, operation } = request;
    await requireAccess(context, request, { bucket, operation, key: '*' });
    throw error;
  }
}

async function deleteOne(
  context: Parameters<BucketAction>[0],
  request: BucketRequest,
  { key, versionId: asked, etag }: DeleteRequest['objects'][number],
): Promise<DeleteOutcome> {
  request.touch(key);
  const { bucket, operation } = request;
  const versionId = asked === '' ? undefined : asked;
  try {
    requireKey(key);
    requireVersionId(versionId);
    await requireAccess(context, request, { bucket, operation, key, versionId });
    const deletion = await deleteObject(context, {
      ...{ bucket, key, versionId },
      conditions: { ifMatch: etag },
      bypassesGovernance: await bypassesGovernance(context, request, key),
    });
    return { key, versionId, ...(deletion.isDeleteMarker ? { marker: deletion.versionId } : {}) };
  } catch (error) {
    if (!(error instanceof ServiceError)) throw error;
    const { code } = toS3Error(error);
    return { key, versionId, error: { code, message: error.message } };
  }
}
