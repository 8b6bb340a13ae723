// Owns which IAM permission each operation of S3 asks for.
// Source: Service Authorization Reference, "Actions, resources, and condition keys for Amazon S3".

/** By the operation's name in the route table. */
const PERMISSIONS: Readonly<Record<string, string>> = {
  ListBuckets: 's3:ListAllMyBuckets',
  CreateBucket: 's3:CreateBucket',
  HeadBucket: 's3:ListBucket',
  DeleteBucket: 's3:DeleteBucket',
  ListObjects: 's3:ListBucket',
  ListObjectsV2: 's3:ListBucket',
  ListObjectVersions: 's3:ListBucketVersions',
  ListMultipartUploads: 's3:ListBucketMultipartUploads',
  DeleteObjects: 's3:DeleteObject',
  GetBucketLocation: 's3:GetBucketLocation',
  GetBucketVersioning: 's3:GetBucketVersioning',
  GetBucketAcl: 's3:GetBucketAcl',
  PutBucketAcl: 's3:PutBucketAcl',
  GetBucketOwnershipControls: 's3:GetBucketOwnershipControls',
  GetBucketRequestPayment: 's3:GetBucketRequestPayment',
  GetBucketAccelerate: 's3:GetAccelerateConfiguration',
  GetBucketLogging: 's3:GetBucketLogging',
  GetBucketNotification: 's3:GetBucketNotification',
  GetBucketPolicy: 's3:GetBucketPolicy',
  GetBucketPolicyStatus: 's3:GetBucketPolicyStatus',
  GetBucketCors: 's3:GetBucketCORS',
  GetBucketWebsite: 's3:GetBucketWebsite',
  GetBucketLifecycle: 's3:GetLifecycleConfiguration',
  GetBucketReplication: 's3:GetReplicationConfiguration',
  GetBucketEncryption: 's3:GetEncryptionConfiguration',
  GetObjectLockConfiguration: 's3:GetBucketObjectLockConfiguration',
  GetBucketTagging: 's3:GetBucketTagging',
  GetPublicAccessBlock: 's3:GetBucketPublicAccessBlock',
  GetObject: 's3:GetObject',
  HeadObject: 's3:GetObject',
  PutObject: 's3:PutObject',
  CopyObject: 's3:PutObject',
  DeleteObject: 's3:DeleteObject',
  CreateMultipartUpload: 's3:PutObject',
  UploadPart: 's3:PutObject',
  ListParts: 's3:ListMultipartUploadParts',
  CompleteMultipartUpload: 's3:PutObject',
  AbortMultipartUpload: 's3:AbortMultipartUpload',
  GetObjectAcl: 's3:GetObjectAcl',
  PutObjectAcl: 's3:PutObjectAcl',
  GetObjectTagging: 's3:GetObjectTagging',
  GetObjectRetention: 's3:GetObjectRetention',
  GetObjectLegalHold: 's3:GetObjectLegalHold',
};

/** What no route serves asks for what nobody but an account's root can have. */
const NOT_OFFERED = 's3:NotOffered';

export function permissionOf(operation: string): string {
  return Object.hasOwn(PERMISSIONS, operation) ? PERMISSIONS[operation]! : NOT_OFFERED;
}
