// Owns GetBucketTagging, PutBucketTagging and DeleteBucketTagging.

import {
  MAX_BUCKET_TAGS,
  parseTagging,
  renderTagging,
  type Tag,
} from '@ironbark/protocol/s3/tagging.ts';
import { getSetting, removeSetting, saveSetting } from '../app/bucket-settings.ts';
import { type BucketAction, NO_CONTENT, readDocument, xmlResponse } from './action.ts';

export const getBucketTagging: BucketAction = async (_context, { bucket }) =>
  xmlResponse(renderTagging(getSetting<Tag[]>(bucket, 'tagging')));

export const putBucketTagging: BucketAction = async (context, request) => {
  const tags = parseTagging(await readDocument(request), MAX_BUCKET_TAGS);
  if (tags.length === 0) await removeSetting(context, request.bucket, 'tagging');
  else await saveSetting(context, request.bucket, 'tagging', tags);
  return NO_CONTENT;
};

export const deleteBucketTagging: BucketAction = async (context, { bucket }) => {
  await removeSetting(context, bucket, 'tagging');
  return NO_CONTENT;
};
