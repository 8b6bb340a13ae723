// Owns HeadBucket.

import type { BucketAction } from './action.ts';

export const headBucket: BucketAction = async (context) => ({
  status: 200,
  headers: { 'x-amz-bucket-region': context.region, 'content-type': 'application/xml' },
});
