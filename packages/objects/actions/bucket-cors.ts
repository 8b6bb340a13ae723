// Owns GetBucketCors, PutBucketCors and DeleteBucketCors.

import { type CorsRule, parseCors, renderCors } from '@ironbark/protocol/s3/cors.ts';
import { getSetting, removeSetting, saveSetting } from '../app/bucket-settings.ts';
import { type BucketAction, NO_CONTENT, readDocument, xmlResponse } from './action.ts';

export const getBucketCors: BucketAction = async (_context, { bucket }) =>
  xmlResponse(renderCors(getSetting<CorsRule[]>(bucket, 'cors')));

export const putBucketCors: BucketAction = async (context, request) => {
  await saveSetting(context, request.bucket, 'cors', parseCors(await readDocument(request)));
  return { status: 200 };
};

export const deleteBucketCors: BucketAction = async (context, { bucket }) => {
  await removeSetting(context, bucket, 'cors');
  return NO_CONTENT;
};
