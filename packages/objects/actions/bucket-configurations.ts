// Owns what is answered for the configurations of a bucket or object that nobody can set yet.

import { ServiceError } from '@ironbark/core/errors.ts';
import {
  renderEmptyConfiguration,
  renderEmptyTagging,
  renderLocation,
  renderOwnerOnlyAcl,
  renderOwnershipControls,
  renderRequestPayment,
  renderVersioning,
} from '@ironbark/protocol/s3/results.ts';
import { getObject } from '../app/objects.ts';
import {
  type BucketAction,
  type BucketRequest,
  requireNullVersion,
  xmlResponse,
} from './action.ts';
import { aclRefused } from './object-headers.ts';

export const getBucketLocation: BucketAction = async (context) =>
  xmlResponse(renderLocation(context.region));

export const getBucketVersioning: BucketAction = async () => xmlResponse(renderVersioning());

export const getBucketOwnershipControls: BucketAction = async () =>
  xmlResponse(renderOwnershipControls());

export const getBucketRequestPayment: BucketAction = async () =>
  xmlResponse(renderRequestPayment());

/** For configurations that are an empty document while they are not set. */
export function emptyConfiguration(root: string): BucketAction {
  return async () => xmlResponse(renderEmptyConfiguration(root));
}

export const getAcl: BucketAction = async (context, request) => {
  await requireObject(context, request);
  return xmlResponse(renderOwnerOnlyAcl(request.bucket.account_id));
};

export const putAcl: BucketAction = async (context, request) => {
  await requireObject(context, request);
  throw aclRefused();
};

/** For configurations that are an error while they are not set. */
export function notSet(configuration: string): BucketAction {
  return async (context, request) => {
    await requireObject(context, request);
    throw new ServiceError({
      kind: 'not-found',
      resource: 'bucket-configuration',
      message: `The ${configuration} configuration is not set.`,
      details: { Configuration: configuration, BucketName: request.bucketName },
    });
  };
}

/** An object without tags has an empty set of them; only for buckets is that an error. */
export const getObjectTagging: BucketAction = async (context, request) => {
  await requireObject(context, request);
  return xmlResponse(renderEmptyTagging());
};

async function requireObject(
  context: Parameters<BucketAction>[0],
  request: BucketRequest,
): Promise<void> {
  if (request.key === '') return;
  requireNullVersion(request.query.get('versionId'));
  await getObject(context, request.bucket, request.key);
}
