// Owns GetBucketLogging and PutBucketLogging.

import {
  type BucketLogging,
  parseBucketLogging,
  renderBucketLogging,
} from '@ironbark/protocol/s3/bucket-logging.ts';
import { requireLogTarget } from '../app/access-logs.ts';
import { readSetting, removeSetting, saveSetting } from '../app/bucket-settings.ts';
import { type BucketAction, readDocument, xmlResponse } from './action.ts';

export const getBucketLogging: BucketAction = async (_context, { bucket }) =>
  xmlResponse(renderBucketLogging(readSetting<BucketLogging>(bucket, 'logging')));

export const putBucketLogging: BucketAction = async (context, request) => {
  const { bucket } = request;
  const logging = parseBucketLogging(await readDocument(request));
  if (logging === undefined) {
    await removeSetting(context, bucket, 'logging');
    return { status: 200 };
  }
  await requireLogTarget(context, bucket, logging);
  await saveSetting(context, bucket, 'logging', logging);
  return { status: 200 };
};
