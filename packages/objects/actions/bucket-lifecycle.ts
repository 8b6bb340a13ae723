// Owns GetBucketLifecycleConfiguration, PutBucketLifecycleConfiguration and DeleteBucketLifecycle.

import { ServiceError } from '@ironbark/core/errors.ts';
import {
  type LifecycleRule,
  parseLifecycle,
  renderLifecycle,
} from '@ironbark/protocol/s3/lifecycle.ts';
import { getSetting, removeSetting, saveSetting } from '../app/bucket-settings.ts';
import { newRandomId } from '../app/context.ts';
import {
  type BucketAction,
  type BucketRequest,
  NO_CONTENT,
  readDocument,
  xmlResponse,
} from './action.ts';

/** "By default, objects smaller than 128 KB won't be transitioned": S3 User Guide. Nothing is, here; clients compare it. */
const SMALLEST = { 'x-amz-transition-default-minimum-object-size': 'all_storage_classes_128K' };

export const getBucketLifecycle: BucketAction = async (_context, { bucket }) =>
  xmlResponse(renderLifecycle(getSetting<LifecycleRule[]>(bucket, 'lifecycle')), SMALLEST);

export const putBucketLifecycle: BucketAction = async (context, request) => {
  refuseOtherSmallest(request);
  const rules = parseLifecycle(await readDocument(request), () => newRandomId(context.random));
  await saveSetting(context, request.bucket, 'lifecycle', rules);
  context.wake.lifecycle();
  return { status: 200, headers: SMALLEST };
};

export const deleteBucketLifecycle: BucketAction = async (context, { bucket }) => {
  await removeSetting(context, bucket, 'lifecycle');
  return NO_CONTENT;
};

function refuseOtherSmallest(request: BucketRequest): void {
  for (const [name, value] of Object.entries(SMALLEST)) {
    const wanted = request.header(name);
    if (wanted === undefined || wanted === value) continue;
    throw new ServiceError({
      kind: 'unsupported',
      resource: 'action',
      message: `${name} can only be ${value}: no object changes its storage class here.`,
    });
  }
}
