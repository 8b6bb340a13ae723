// Owns who may do what with a bucket: asked for every request, before anything of the bucket is read or changed.

import { ServiceError } from '@ironbark/core/errors.ts';
import { decideAccess } from '@ironbark/protocol/internal/authorization.ts';
import type { Principal } from '@ironbark/protocol/internal/identity-client.ts';
import { findBucketByName } from '../store/buckets.ts';
import type { BucketTable } from '../store/schema.ts';
import type { ObjectsContext } from './context.ts';
import { permissionOf } from './permissions.ts';

/** For operations that are about the caller's account and no bucket of somebody else. */
export function requireAccount(principal: Principal, operation: string, bucketName = ''): void {
  const { accountId } = principal;
  requireDecision(principal, operation, { arn: arnOf(bucketName, ''), accountId });
}

export interface BucketAccess {
  operation: string;
  name: string;
  /** Absent or '' for the bucket itself. */
  key?: string;
  /** A guard that callers may add. */
  expectedOwner?: string | undefined;
}

/** The bucket, if this principal may do this with it. */
export async function requireBucket(
  context: ObjectsContext,
  principal: Principal,
  { operation, name, key = '', expectedOwner }: BucketAccess,
): Promise<BucketTable> {
  const bucket = await findBucketByName(context.db.query, name);
  if (bucket === undefined) throw noSuchBucket(name);
  const { account_id: owner } = bucket;
  requireDecision(principal, operation, { arn: arnOf(name, key), accountId: owner });
  if (expectedOwner !== undefined && expectedOwner !== owner)
    throw accessDenied('it has another owner');
  return bucket;
}

function requireDecision(
  principal: Principal,
  operation: string,
  resource: { arn: string; accountId: string },
): void {
  const action = permissionOf(operation);
  const decision = decideAccess({ principal, action, resource, context: {} });
  if (decision === 'another-account')
    throw accessDenied('only the account that owns it may use it');
  if (decision !== 'allowed') {
    throw accessDenied(`no identity-based policy of ${principal.arn} allows ${action}`);
  }
}

function arnOf(bucketName: string, key: string): string {
  if (bucketName === '') return '*';
  return `arn:aws:s3:::${bucketName}${key === '' ? '' : `/${key}`}`;
}

function accessDenied(reason: string): ServiceError {
  return new ServiceError({
    kind: 'not-authorized',
    resource: 'bucket',
    message: `Access Denied: ${reason}.`,
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
