// Owns the sub-resources that S3 knows by a query parameter, and what is said of one that is not set or not offered.

import type { S3Error } from './s3-error.ts';

export interface BucketConfiguration {
  /** The query parameter. */
  name: string;
  /** What GET answers while nobody has set it; absent where AWS answers with a default document. */
  notSet?: S3Error;
  /** What a refusal to set it answers, where AWS has a code for that. */
  refused?: S3Error;
}

const gone = (code: string): S3Error => ({ code, status: 404 });

const CONFIGURATIONS: readonly BucketConfiguration[] = [
  { name: 'policy', notSet: gone('NoSuchBucketPolicy') },
  { name: 'policyStatus', notSet: gone('NoSuchBucketPolicy') },
  { name: 'cors', notSet: gone('NoSuchCORSConfiguration') },
  { name: 'website', notSet: gone('NoSuchWebsiteConfiguration') },
  { name: 'lifecycle', notSet: gone('NoSuchLifecycleConfiguration') },
  { name: 'replication', notSet: gone('ReplicationConfigurationNotFoundError') },
  { name: 'encryption', notSet: gone('ServerSideEncryptionConfigurationNotFoundError') },
  { name: 'object-lock', notSet: gone('ObjectLockConfigurationNotFoundError') },
  { name: 'tagging', notSet: gone('NoSuchTagSet') },
  { name: 'ownershipControls', notSet: gone('OwnershipControlsNotFoundError') },
  { name: 'publicAccessBlock', notSet: gone('NoSuchPublicAccessBlockConfiguration') },
  { name: 'retention', notSet: gone('NoSuchObjectLockConfiguration') },
  { name: 'legal-hold', notSet: gone('NoSuchObjectLockConfiguration') },
  // Buckets behave as AWS's default since 2023, ObjectOwnership BucketOwnerEnforced: ACLs cannot be set.
  { name: 'acl', refused: { code: 'AccessControlListNotSupported', status: 400 } },
];

export function findConfiguration(name: string): BucketConfiguration | undefined {
  return CONFIGURATIONS.find((configuration) => configuration.name === name);
}

/**
 * Query parameters that turn a request on a bucket or object into another operation. One of these that no route
 * serves is answered NotImplemented; it must never be taken for the plain operation.
 */
export const SUB_RESOURCES: readonly string[] = [
  ...CONFIGURATIONS.map((configuration) => configuration.name),
  'abac',
  'accelerate',
  'analytics',
  'annotation',
  'append',
  'attributes',
  'delete',
  'intelligent-tiering',
  'inventory',
  'location',
  'logging',
  'metadataAnnotationTable',
  'metadataConfiguration',
  'metadataInventoryTable',
  'metadataJournalTable',
  'metadataTable',
  'metrics',
  'notification',
  'renameObject',
  'requestPayment',
  'restore',
  'select',
  'session',
  'torrent',
  'uploadId',
  'uploads',
  'versioning',
  'versions',
];
