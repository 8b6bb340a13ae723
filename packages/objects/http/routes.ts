// Owns the routes of S3: which request is which operation. What is not in this table is not offered and says so.

import { ServiceError } from '@ironbark/core/errors.ts';
import { SUB_RESOURCES } from '@ironbark/protocol/s3/sub-resources.ts';
import { abortMultipartUpload } from '../actions/abort-multipart-upload.ts';
import type { BucketAction, S3Action } from '../actions/action.ts';
import {
  emptyConfiguration,
  getAcl,
  getBucketLocation,
  getBucketOwnershipControls,
  getBucketRequestPayment,
  getBucketVersioning,
  getObjectTagging,
  notSet,
  putAcl,
} from '../actions/bucket-configurations.ts';
import { completeMultipartUpload } from '../actions/complete-multipart-upload.ts';
import { copyObject } from '../actions/copy-object.ts';
import { COPY_SOURCE } from '../actions/copy-source.ts';
import { createBucket } from '../actions/create-bucket.ts';
import { createMultipartUpload } from '../actions/create-multipart-upload.ts';
import { deleteBucket } from '../actions/delete-bucket.ts';
import { deleteObject } from '../actions/delete-object.ts';
import { deleteObjects } from '../actions/delete-objects.ts';
import { getObject, headObject } from '../actions/get-object.ts';
import { headBucket } from '../actions/head-bucket.ts';
import { listBuckets } from '../actions/list-buckets.ts';
import { listMultipartUploads } from '../actions/list-multipart-uploads.ts';
import { listObjects, listObjectsV2, listObjectVersions } from '../actions/list-objects.ts';
import { listParts } from '../actions/list-parts.ts';
import { putObject } from '../actions/put-object.ts';
import { uploadPart } from '../actions/upload-part.ts';
import type { Level, RequestAddress } from './request.ts';

export type Route = RouteMatch & RouteAction;

interface RouteMatch {
  method: string;
  level: Level;
  /** The query parameter that selects the operation; '' for the plain one. */
  sub: string;
  /** A header that has to be there; such a route stands before the one without. */
  header?: string;
  operation: string;
}

/** Actions of the first kind see no bucket; the others get one that the caller may use. */
type RouteAction = { onAccount: S3Action } | { onBucket: BucketAction };

type BucketRow = readonly [method: string, sub: string, operation: string, action: BucketAction];

const ACCOUNT_ROUTES: readonly Route[] = [
  { method: 'GET', level: 'service', sub: '', operation: 'ListBuckets', onAccount: listBuckets },
  { method: 'PUT', level: 'bucket', sub: '', operation: 'CreateBucket', onAccount: createBucket },
];

const BUCKET_ROUTES: readonly BucketRow[] = [
  ['HEAD', '', 'HeadBucket', headBucket],
  ['DELETE', '', 'DeleteBucket', deleteBucket],
  ['GET', '', 'ListObjects', listObjects],
  ['GET', 'list-type', 'ListObjectsV2', listObjectsV2],
  ['GET', 'versions', 'ListObjectVersions', listObjectVersions],
  ['GET', 'uploads', 'ListMultipartUploads', listMultipartUploads],
  ['POST', 'delete', 'DeleteObjects', deleteObjects],
  ['GET', 'location', 'GetBucketLocation', getBucketLocation],
  ['GET', 'versioning', 'GetBucketVersioning', getBucketVersioning],
  ['GET', 'acl', 'GetBucketAcl', getAcl],
  ['PUT', 'acl', 'PutBucketAcl', putAcl],
  ['GET', 'ownershipControls', 'GetBucketOwnershipControls', getBucketOwnershipControls],
  ['GET', 'requestPayment', 'GetBucketRequestPayment', getBucketRequestPayment],
  ['GET', 'accelerate', 'GetBucketAccelerate', emptyConfiguration('AccelerateConfiguration')],
  ['GET', 'logging', 'GetBucketLogging', emptyConfiguration('BucketLoggingStatus')],
  ['GET', 'notification', 'GetBucketNotification', emptyConfiguration('NotificationConfiguration')],
  ['GET', 'policy', 'GetBucketPolicy', notSet('policy')],
  ['GET', 'policyStatus', 'GetBucketPolicyStatus', notSet('policyStatus')],
  ['GET', 'cors', 'GetBucketCors', notSet('cors')],
  ['GET', 'website', 'GetBucketWebsite', notSet('website')],
  ['GET', 'lifecycle', 'GetBucketLifecycle', notSet('lifecycle')],
  ['GET', 'replication', 'GetBucketReplication', notSet('replication')],
  ['GET', 'encryption', 'GetBucketEncryption', notSet('encryption')],
  ['GET', 'object-lock', 'GetObjectLockConfiguration', notSet('object-lock')],
  ['GET', 'tagging', 'GetBucketTagging', notSet('tagging')],
  ['GET', 'publicAccessBlock', 'GetPublicAccessBlock', notSet('publicAccessBlock')],
];

const OBJECT_ROUTES: readonly BucketRow[] = [
  ['GET', '', 'GetObject', getObject],
  ['HEAD', '', 'HeadObject', headObject],
  ['PUT', '', 'PutObject', putObject],
  ['DELETE', '', 'DeleteObject', deleteObject],
  ['POST', 'uploads', 'CreateMultipartUpload', createMultipartUpload],
  ['PUT', 'uploadId', 'UploadPart', uploadPart],
  ['GET', 'uploadId', 'ListParts', listParts],
  ['POST', 'uploadId', 'CompleteMultipartUpload', completeMultipartUpload],
  ['DELETE', 'uploadId', 'AbortMultipartUpload', abortMultipartUpload],
  ['GET', 'acl', 'GetObjectAcl', getAcl],
  ['PUT', 'acl', 'PutObjectAcl', putAcl],
  ['GET', 'tagging', 'GetObjectTagging', getObjectTagging],
  ['GET', 'retention', 'GetObjectRetention', notSet('retention')],
  ['GET', 'legal-hold', 'GetObjectLegalHold', notSet('legal-hold')],
];

export const ROUTES: readonly Route[] = [
  ...ACCOUNT_ROUTES,
  ...BUCKET_ROUTES.map((row) => toRoute('bucket', row)),
  {
    ...toRoute('object', ['PUT', '', 'CopyObject', copyObject]),
    header: COPY_SOURCE,
  },
  ...OBJECT_ROUTES.map((row) => toRoute('object', row)),
];

function toRoute(level: Level, [method, sub, operation, onBucket]: BucketRow): Route {
  return { method, level, sub, operation, onBucket };
}

/** Undefined unless exactly this is offered: a request with an unknown sub-resource is never the plain operation. */
export function findRoute(
  method: string,
  address: RequestAddress,
  hasHeader: (name: string) => boolean,
): Route | undefined {
  const sub = findSub(address);
  return ROUTES.find(
    (route) =>
      route.method === method &&
      route.level === address.level &&
      route.sub === sub &&
      (route.header === undefined || hasHeader(route.header)),
  );
}

function findSub(address: RequestAddress): string {
  return [...SUB_RESOURCES, 'list-type'].find((name) => address.query.has(name)) ?? '';
}

/** To be said only to somebody who may use the bucket. */
export function notOffered(method: string, address: RequestAddress): ServiceError {
  const sub = findSub(address);
  if (sub !== '') return notImplemented(`${method} ?${sub} on a ${address.level}`);
  if (method === 'POST') return notImplemented('PostObject, the upload from a form');
  return new ServiceError({
    kind: 'unknown-action',
    resource: 'action',
    message: 'The specified method is not allowed against this resource.',
    details: { Method: method.slice(0, 32), ResourceType: address.level.toUpperCase() },
  });
}

function notImplemented(what: string): ServiceError {
  return new ServiceError({
    kind: 'unsupported',
    resource: 'action',
    message: `A request you made is not implemented: ${what}.`,
  });
}
