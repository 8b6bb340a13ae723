// Owns the routes of S3: which request is which operation. What is not in this table is not offered and says so.

import { ServiceError } from '@ironbark/core/errors.ts';
import { SUB_RESOURCES } from '@ironbark/protocol/s3/sub-resources.ts';
import { abortMultipartUpload } from '../actions/abort-multipart-upload.ts';
import type { BucketAction, S3Action } from '../actions/action.ts';
import { getBucketAcl, putBucketAcl } from '../actions/bucket-acl.ts';
import { deleteBucketCors, getBucketCors, putBucketCors } from '../actions/bucket-cors.ts';
import {
  deleteBucketEncryption,
  getBucketEncryption,
  putBucketEncryption,
} from '../actions/bucket-encryption.ts';
import {
  deleteBucketLifecycle,
  getBucketLifecycle,
  putBucketLifecycle,
} from '../actions/bucket-lifecycle.ts';
import { getBucketLogging, putBucketLogging } from '../actions/bucket-logging.ts';
import {
  deleteBucketPolicy,
  getBucketPolicy,
  getBucketPolicyStatus,
  putBucketPolicy,
} from '../actions/bucket-policy.ts';
import {
  deleteBucketTagging,
  getBucketTagging,
  putBucketTagging,
} from '../actions/bucket-tagging.ts';
import { getBucketVersioning, putBucketVersioning } from '../actions/bucket-versioning.ts';
import {
  deleteBucketWebsite,
  getBucketWebsite,
  putBucketWebsite,
} from '../actions/bucket-website.ts';
import { completeMultipartUpload } from '../actions/complete-multipart-upload.ts';
import { copyObject } from '../actions/copy-object.ts';
import { COPY_SOURCE } from '../actions/copy-source.ts';
import { createBucket } from '../actions/create-bucket.ts';
import { createMultipartUpload } from '../actions/create-multipart-upload.ts';
import { deleteBucket } from '../actions/delete-bucket.ts';
import { deleteObject } from '../actions/delete-object.ts';
import { deleteObjects } from '../actions/delete-objects.ts';
import { getObject, headObject } from '../actions/get-object.ts';
import { getObjectAttributes } from '../actions/get-object-attributes.ts';
import { headBucket } from '../actions/head-bucket.ts';
import { getObjectLegalHold, putObjectLegalHold } from '../actions/legal-hold.ts';
import { listBuckets } from '../actions/list-buckets.ts';
import { listMultipartUploads } from '../actions/list-multipart-uploads.ts';
import { listObjectVersions } from '../actions/list-object-versions.ts';
import { listObjects, listObjectsV2 } from '../actions/list-objects.ts';
import { listParts } from '../actions/list-parts.ts';
import { getObjectAcl, putObjectAcl } from '../actions/object-acl.ts';
import {
  getObjectLockConfiguration,
  putObjectLockConfiguration,
} from '../actions/object-lock-configuration.ts';
import { getObjectRetention, putObjectRetention } from '../actions/object-retention.ts';
import {
  deleteObjectTagging,
  getObjectTagging,
  putObjectTagging,
} from '../actions/object-tagging.ts';
import {
  deleteBucketOwnershipControls,
  getBucketOwnershipControls,
  putBucketOwnershipControls,
} from '../actions/ownership-controls.ts';
import {
  emptyConfiguration,
  getBucketLocation,
  getBucketRequestPayment,
  neverSet,
} from '../actions/plain-configurations.ts';
import { postObject } from '../actions/post-object.ts';
import {
  deletePublicAccessBlock,
  getPublicAccessBlock,
  putPublicAccessBlock,
} from '../actions/public-access-block.ts';
import { putObject } from '../actions/put-object.ts';
import { uploadPart } from '../actions/upload-part.ts';
import type { Level, RequestAddress } from './request.ts';

export type Route = RouteMatch & RouteAction;

interface RouteMatch {
  method: string;
  level: Level;
  /** The query parameter that selects the operation; '' for the plain one. */
  sub: string;
  /** A header that has to be there, and how it begins; such a route stands before the one without. */
  header?: string;
  headerPrefix?: string;
  operation: string;
  /** The action asks whether the caller may: before it has read the body, nobody knows what for. */
  checksItself?: boolean;
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
  ['GET', 'location', 'GetBucketLocation', getBucketLocation],
  ['GET', 'versioning', 'GetBucketVersioning', getBucketVersioning],
  ['PUT', 'versioning', 'PutBucketVersioning', putBucketVersioning],
  ['GET', 'acl', 'GetBucketAcl', getBucketAcl],
  ['PUT', 'acl', 'PutBucketAcl', putBucketAcl],
  ['GET', 'ownershipControls', 'GetBucketOwnershipControls', getBucketOwnershipControls],
  ['PUT', 'ownershipControls', 'PutBucketOwnershipControls', putBucketOwnershipControls],
  ['DELETE', 'ownershipControls', 'DeleteBucketOwnershipControls', deleteBucketOwnershipControls],
  ['GET', 'policy', 'GetBucketPolicy', getBucketPolicy],
  ['PUT', 'policy', 'PutBucketPolicy', putBucketPolicy],
  ['DELETE', 'policy', 'DeleteBucketPolicy', deleteBucketPolicy],
  ['GET', 'policyStatus', 'GetBucketPolicyStatus', getBucketPolicyStatus],
  ['GET', 'publicAccessBlock', 'GetPublicAccessBlock', getPublicAccessBlock],
  ['PUT', 'publicAccessBlock', 'PutPublicAccessBlock', putPublicAccessBlock],
  ['DELETE', 'publicAccessBlock', 'DeletePublicAccessBlock', deletePublicAccessBlock],
  ['GET', 'cors', 'GetBucketCors', getBucketCors],
  ['PUT', 'cors', 'PutBucketCors', putBucketCors],
  ['DELETE', 'cors', 'DeleteBucketCors', deleteBucketCors],
  ['GET', 'lifecycle', 'GetBucketLifecycleConfiguration', getBucketLifecycle],
  ['PUT', 'lifecycle', 'PutBucketLifecycleConfiguration', putBucketLifecycle],
  ['DELETE', 'lifecycle', 'DeleteBucketLifecycle', deleteBucketLifecycle],
  ['GET', 'encryption', 'GetBucketEncryption', getBucketEncryption],
  ['PUT', 'encryption', 'PutBucketEncryption', putBucketEncryption],
  ['DELETE', 'encryption', 'DeleteBucketEncryption', deleteBucketEncryption],
  ['GET', 'object-lock', 'GetObjectLockConfiguration', getObjectLockConfiguration],
  ['PUT', 'object-lock', 'PutObjectLockConfiguration', putObjectLockConfiguration],
  ['GET', 'tagging', 'GetBucketTagging', getBucketTagging],
  ['PUT', 'tagging', 'PutBucketTagging', putBucketTagging],
  ['DELETE', 'tagging', 'DeleteBucketTagging', deleteBucketTagging],
  ['GET', 'requestPayment', 'GetBucketRequestPayment', getBucketRequestPayment],
  [
    'GET',
    'accelerate',
    'GetBucketAccelerateConfiguration',
    emptyConfiguration('AccelerateConfiguration'),
  ],
  ['GET', 'logging', 'GetBucketLogging', getBucketLogging],
  ['PUT', 'logging', 'PutBucketLogging', putBucketLogging],
  [
    'GET',
    'notification',
    'GetBucketNotificationConfiguration',
    emptyConfiguration('NotificationConfiguration'),
  ],
  ['GET', 'website', 'GetBucketWebsite', getBucketWebsite],
  ['PUT', 'website', 'PutBucketWebsite', putBucketWebsite],
  ['DELETE', 'website', 'DeleteBucketWebsite', deleteBucketWebsite],
  ['GET', 'replication', 'GetBucketReplication', neverSet('replication')],
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
  ['GET', 'acl', 'GetObjectAcl', getObjectAcl],
  ['PUT', 'acl', 'PutObjectAcl', putObjectAcl],
  ['GET', 'attributes', 'GetObjectAttributes', getObjectAttributes],
  ['GET', 'tagging', 'GetObjectTagging', getObjectTagging],
  ['PUT', 'tagging', 'PutObjectTagging', putObjectTagging],
  ['DELETE', 'tagging', 'DeleteObjectTagging', deleteObjectTagging],
  ['GET', 'retention', 'GetObjectRetention', getObjectRetention],
  ['PUT', 'retention', 'PutObjectRetention', putObjectRetention],
  ['GET', 'legal-hold', 'GetObjectLegalHold', getObjectLegalHold],
  ['PUT', 'legal-hold', 'PutObjectLegalHold', putObjectLegalHold],
];

export const ROUTES: readonly Route[] = [
  ...ACCOUNT_ROUTES,
  ...BUCKET_ROUTES.map((row) => toRoute('bucket', row)),
  {
    ...toRoute('bucket', ['POST', 'delete', 'DeleteObjects', deleteObjects]),
    checksItself: true,
  },
  {
    ...toRoute('bucket', ['POST', '', 'PostObject', postObject]),
    header: 'content-type',
    headerPrefix: 'multipart/form-data',
    checksItself: true,
  },
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
  header: (name: string) => string | undefined,
): Route | undefined {
  return BY_ADDRESS.get(addressOf(method, address.level, findSub(address)))?.find(
    (route) =>
      route.header === undefined ||
      header(route.header)?.startsWith(route.headerPrefix ?? '') === true,
  );
}

function addressOf(method: string, level: Level, sub: string): string {
  return `${method} ${level} ${sub}`;
}

/** In the order of the table. */
const BY_ADDRESS = Map.groupBy(ROUTES, ({ method, level, sub }) => addressOf(method, level, sub));

const SELECTORS: readonly string[] = [...SUB_RESOURCES, 'list-type'];

function findSub({ query }: RequestAddress): string {
  return query.size === 0 ? '' : (SELECTORS.find((name) => query.has(name)) ?? '');
}

/** To be said only to somebody who may use the bucket. */
export function notOffered(method: string, address: RequestAddress): ServiceError {
  const sub = findSub(address);
  if (sub !== '') return notImplemented(`${method} ?${sub} on a ${address.level}`);
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
