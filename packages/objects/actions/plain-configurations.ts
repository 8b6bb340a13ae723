// Owns what is answered for the configurations of a bucket that nobody can set.

import {
  renderEmptyConfiguration,
  renderLocation,
  renderRequestPayment,
} from '@ironbark/protocol/s3/results.ts';
import { notSet } from '../app/bucket-settings.ts';
import { type BucketAction, xmlResponse } from './action.ts';

export const getBucketLocation: BucketAction = async (context) =>
  xmlResponse(renderLocation(context.region));

export const getBucketRequestPayment: BucketAction = async () =>
  xmlResponse(renderRequestPayment());

/** For configurations that are an empty document while they are not set. */
export function emptyConfiguration(root: string): BucketAction {
  return async () => xmlResponse(renderEmptyConfiguration(root));
}

/** For configurations that are an error while they are not set. */
export function neverSet(configuration: string): BucketAction {
  return async (_context, { bucketName }) => {
    throw notSet(bucketName, configuration);
  };
}
