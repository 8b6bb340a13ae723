// Owns AbortMultipartUpload.

import { abortUpload } from '../app/uploads.ts';
import { type BucketAction, NO_CONTENT } from './action.ts';

export const abortMultipartUpload: BucketAction = async (context, request) => {
  const { bucket, key } = request;
  await abortUpload(context, { bucket, key, uploadId: request.query.get('uploadId') ?? '' });
  return NO_CONTENT;
};
