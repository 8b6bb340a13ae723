// Owns who may do what with a bucket. Until policies are offered that is the account that owns it, and only its root.

import { ServiceError } from '@ironbark/core/errors.ts';
import type { Principal } from '@ironbark/protocol/internal/identity-client.ts';
import { findBucketByName } from '../store/buckets.ts';
import type { BucketTable } from '../store/schema.ts';
import type { ObjectsContext } from './context.ts';

/** For calls that are about no bucket of somebody else. */
export function requireRoot(principal: Principal): void {
  if (!principal.isRoot) throw accessDenied();
}

/** The bucket, if this principal may do everything with it. `expectedOwner` is a guard that callers may add. */
export async function requireBucket(
  context: ObjectsContext,
  principal: Principal,
  input: { name: string; expectedOwner?: string | undefined },
): Promise<BucketTable> {
  const bucket = await findBucketByName(context.db.query, input.name);
  if (bucket === undefined) throw noSuchBucket(input.name);
  requireRoot(principal);
  const { expectedOwner = bucket.account_id } = input;
  if (bucket.account_id !== principal.accountId || bucket.account_id !== expectedOwner) {
    throw accessDenied();
  }
  return bucket;
}

export function accessDenied(): ServiceError {
  return new ServiceError({
    kind: 'not-authorized',
    resource: 'bucket',
    message: 'Access Denied. Only the account that owns a bucket may use it.',
  });
}

export function noSuchBucket(name: string): ServiceError {
  return new ServiceError({
    kind: 'not-found',
    resource: 'bucket',
    message: 'The specified bucket does not exist.',
    details: { BucketName: name },
  });
}
