// Owns DeleteBucket.

import { deleteBucket as remove } from '../app/buckets.ts';
import { type BucketAction, NO_CONTENT } from './action.ts';

export const deleteBucket: BucketAction = async (context, request) => {
  await remove(context, request.bucket);
  return NO_CONTENT;
};
