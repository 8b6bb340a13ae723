// Owns GetBucketLifecycleConfiguration, PutBucketLifecycleConfiguration and DeleteBucketLifecycle.

import {
  type LifecycleRule,
  parseLifecycle,
  renderLifecycle,
} from '@ironbark/protocol/s3/lifecycle.ts';
import { getSetting, removeSetting, saveSetting } from '../app/bucket-settings.ts';
import { newRandomId } from '../app/context.ts';
import { type BucketAction, NO_CONTENT, readDocument, xmlResponse } from './action.ts';

export const getBucketLifecycle: BucketAction = async (_context, { bucket }) =>
  xmlResponse(renderLifecycle(getSetting<LifecycleRule[]>(bucket, 'lifecycle')));

export const putBucketLifecycle: BucketAction = async (context, request) => {
  const rules = parseLifecycle(await readDocument(request), () => newRandomId(context.random));
  await saveSetting(context, request.bucket, 'lifecycle', rules);
  context.wake.lifecycle();
  return { status: 200 };
};

export const deleteBucketLifecycle: BucketAction = async (context, { bucket }) => {
  await removeSetting(context, bucket, 'lifecycle');
  return NO_CONTENT;
};
