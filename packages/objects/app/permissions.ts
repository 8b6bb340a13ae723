// Owns which IAM permission each operation of S3 asks for, and which grant of an access control list stands for it.
// Source: Service Authorization Reference, "Actions, resources, and condition keys for Amazon S3"; AWS, "Access control
// list (ACL) overview".

import type { AclPermission } from '@ironbark/protocol/s3/acl.ts';

export interface Permission {
  action: string;
  /** Asked for instead where the request names a version. */
  ofVersion?: string;
  /** The grant that is enough; absent: no grant is. */
  grant?: { on: 'bucket' | 'object'; permission: AclPermission };
  /** The object has to be there: who may not list is not told that it is missing. */
  needsObject?: boolean;
}

const onBucket = (action: string, permission?: AclPermission): Permission => ({
  action,
  ...(permission === undefined ? {} : { grant: { on: 'bucket', permission } }),
});
const onObject = (action: string, ofVersion: string, permission?: AclPermission): Permission => ({
  action,
  ofVersion,
  needsObject: true,
  ...(permission === undefined ? {} : { grant: { on: 'object', permission } }),
});
const READ_OBJECT = onObject('s3:GetObject', 's3:GetObjectVersion', 'READ');
const WRITE = onBucket('s3:PutObject', 'WRITE');
const DELETE: Permission = {
  ...onBucket('s3:DeleteObject', 'WRITE'),
  ofVersion: 's3:DeleteObjectVersion',
};

/** By the operation's name in the route table. */
const PERMISSIONS: Readonly<Record<string, Permission>> = {
  ListBuckets: onBucket('s3:ListAllMyBuckets'),
  CreateBucket: onBucket('s3:CreateBucket'),
  HeadBucket: onBucket('s3:ListBucket', 'READ'),
  DeleteBucket: onBucket('s3:DeleteBucket'),
  ListObjects: onBucket('s3:ListBucket', 'READ'),
  ListObjectsV2: onBucket('s3:ListBucket', 'READ'),
  ListObjectVersions: onBucket('s3:ListBucketVersions', 'READ'),
  ListMultipartUploads: onBucket('s3:ListBucketMultipartUploads', 'READ'),
  GetBucketLocation: onBucket('s3:GetBucketLocation'),
  GetBucketVersioning: onBucket('s3:GetBucketVersioning'),
  PutBucketVersioning: onBucket('s3:PutBucketVersioning'),
  GetBucketAcl: onBucket('s3:GetBucketAcl', 'READ_ACP'),
  PutBucketAcl: onBucket('s3:PutBucketAcl', 'WRITE_ACP'),
  GetBucketOwnershipControls: onBucket('s3:GetBucketOwnershipControls'),
  PutBucketOwnershipControls: onBucket('s3:PutBucketOwnershipControls'),
  DeleteBucketOwnershipControls: onBucket('s3:PutBucketOwnershipControls'),
  GetBucketRequestPayment: onBucket('s3:GetBucketRequestPayment'),
  GetBucketAccelerateConfiguration: onBucket('s3:GetAccelerateConfiguration'),
  GetBucketLogging: onBucket('s3:GetBucketLogging'),
  PutBucketLogging: onBucket('s3:PutBucketLogging'),
  PutBucketWebsite: onBucket('s3:PutBucketWebsite'),
  DeleteBucketWebsite: onBucket('s3:DeleteBucketWebsite'),
  GetBucketNotificationConfiguration: onBucket('s3:GetBucketNotification'),
  GetBucketPolicy: onBucket('s3:GetBucketPolicy'),
  PutBucketPolicy: onBucket('s3:PutBucketPolicy'),
  DeleteBucketPolicy: onBucket('s3:DeleteBucketPolicy'),
  GetBucketPolicyStatus: onBucket('s3:GetBucketPolicyStatus'),
  GetBucketCors: onBucket('s3:GetBucketCORS'),
  PutBucketCors: onBucket('s3:PutBucketCORS'),
  DeleteBucketCors: onBucket('s3:PutBucketCORS'),
  GetBucketWebsite: onBucket('s3:GetBucketWebsite'),
  GetBucketLifecycleConfiguration: onBucket('s3:GetLifecycleConfiguration'),
  PutBucketLifecycleConfiguration: onBucket('s3:PutLifecycleConfiguration'),
  DeleteBucketLifecycle: onBucket('s3:PutLifecycleConfiguration'),
  GetBucketReplication: onBucket('s3:GetReplicationConfiguration'),
  GetBucketEncryption: onBucket('s3:GetEncryptionConfiguration'),
  PutBucketEncryption: onBucket('s3:PutEncryptionConfiguration'),
  DeleteBucketEncryption: onBucket('s3:PutEncryptionConfiguration'),
  GetObjectLockConfiguration: onBucket('s3:GetBucketObjectLockConfiguration'),
  PutObjectLockConfiguration: onBucket('s3:PutBucketObjectLockConfiguration'),
  GetBucketTagging: onBucket('s3:GetBucketTagging'),
  PutBucketTagging: onBucket('s3:PutBucketTagging'),
  DeleteBucketTagging: onBucket('s3:PutBucketTagging'),
  GetPublicAccessBlock: onBucket('s3:GetBucketPublicAccessBlock'),
  PutPublicAccessBlock: onBucket('s3:PutBucketPublicAccessBlock'),
  DeletePublicAccessBlock: onBucket('s3:PutBucketPublicAccessBlock'),
  GetObject: READ_OBJECT,
  HeadObject: READ_OBJECT,
  GetObjectAttributes: READ_OBJECT,
  PutObject: WRITE,
  CopyObject: WRITE,
  PostObject: WRITE,
  CreateMultipartUpload: WRITE,
  UploadPart: WRITE,
  CompleteMultipartUpload: WRITE,
  ListParts: onBucket('s3:ListMultipartUploadParts'),
  AbortMultipartUpload: onBucket('s3:AbortMultipartUpload', 'WRITE'),
  DeleteObject: DELETE,
  DeleteObjects: DELETE,
  GetObjectAcl: onObject('s3:GetObjectAcl', 's3:GetObjectVersionAcl', 'READ_ACP'),
  PutObjectAcl: onObject('s3:PutObjectAcl', 's3:PutObjectVersionAcl', 'WRITE_ACP'),
  GetObjectTagging: onObject('s3:GetObjectTagging', 's3:GetObjectVersionTagging'),
  PutObjectTagging: onObject('s3:PutObjectTagging', 's3:PutObjectVersionTagging'),
  DeleteObjectTagging: onObject('s3:DeleteObjectTagging', 's3:DeleteObjectVersionTagging'),
  GetObjectRetention: onObject('s3:GetObjectRetention', 's3:GetObjectRetention'),
  PutObjectRetention: onObject('s3:PutObjectRetention', 's3:PutObjectRetention'),
  GetObjectLegalHold: onObject('s3:GetObjectLegalHold', 's3:GetObjectLegalHold'),
  PutObjectLegalHold: onObject('s3:PutObjectLegalHold', 's3:PutObjectLegalHold'),
};

/** What no route serves asks for what nobody but an account's root can have. */
const NOT_OFFERED = onBucket('s3:NotOffered');

export function permissionOf(operation: string): Permission {
  return Object.hasOwn(PERMISSIONS, operation) ? PERMISSIONS[operation]! : NOT_OFFERED;
}
