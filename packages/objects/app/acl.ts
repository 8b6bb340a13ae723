// Owns access control lists: whether a bucket has them at all, what is granted, and what may not be.

import { ServiceError } from '@ironbark/core/errors.ts';
import type { AccountId } from '@ironbark/core/ids.ts';
import {
  type AclGrant,
  expandCannedAcl,
  grantOwner,
  isPublicAcl,
  parseGrantHeaders,
} from '@ironbark/protocol/s3/acl.ts';
import {
  NO_BLOCK,
  type Ownership,
  type PublicAccessBlock,
} from '@ironbark/protocol/s3/ownership.ts';
import type { Asker } from './asker.ts';
import { type Bucket, readSetting } from './bucket-settings.ts';
import type { ObjectsContext } from './context.ts';
import type { ObjectVersion } from './object-version.ts';

/** Undefined where somebody has taken the controls away. */
export function findOwnership(context: ObjectsContext, bucket: Bucket): Ownership | undefined {
  const set = readSetting<Ownership | null>(bucket, 'ownershipControls');
  return set === undefined ? context.defaultOwnership : (set ?? undefined);
}

/** Without controls it is as before there were any. */
function ownershipOf(context: ObjectsContext, bucket: Bucket): Ownership {
  return findOwnership(context, bucket) ?? 'ObjectWriter';
}

export function hasAcls(context: ObjectsContext, bucket: Bucket): boolean {
  return ownershipOf(context, bucket) !== 'BucketOwnerEnforced';
}

export function bucketGrants(bucket: Bucket): readonly AclGrant[] {
  return readSetting<AclGrant[]>(bucket, 'acl') ?? [grantOwner(bucket.account_id)];
}

export function objectOwner(
  bucket: Bucket,
  { ownerId }: Pick<ObjectVersion, 'ownerId'>,
): AccountId {
  return ownerId ?? bucket.account_id;
}

export function objectGrants(
  bucket: Bucket,
  object: Pick<ObjectVersion, 'ownerId' | 'acl'>,
): readonly AclGrant[] {
  return object.acl ?? [grantOwner(objectOwner(bucket, object))];
}

export interface AclOwners {
  ownerId: AccountId;
  bucketOwnerId: AccountId;
}

/** From x-amz-acl or x-amz-grant-*; undefined when there is neither. */
export function readAclHeaders(
  asker: Pick<Asker, 'header'>,
  owners: AclOwners,
): readonly AclGrant[] | undefined {
  const canned = asker.header('x-amz-acl');
  const grants = parseGrantHeaders((name) => asker.header(name));
  if (canned === undefined) return grants;
  if (grants !== undefined) {
    throw badAcl(
      'Specifying both Canned ACLs and Header Grants is not allowed',
      'operation-not-permitted',
    );
  }
  const expanded = expandCannedAcl(canned, owners);
  if (expanded !== undefined) return expanded;
  throw badAcl(`There is no canned ACL ${canned.slice(0, 64)}.`, 'invalid-parameter');
}

/** The one list that AWS takes of writers where there are none. */
const OWNERS_ACL = 'bucket-owner-full-control';

/** Who owns a new object, and what is granted of it. */
export function chooseObjectAcl(
  context: ObjectsContext,
  bucket: Bucket,
  asker: Asker,
): { ownerId: AccountId | undefined; acl: readonly AclGrant[] | undefined } {
  const ownership = ownershipOf(context, bucket);
  if (ownership === 'BucketOwnerEnforced') {
    requireNoAcl(asker);
    return { ownerId: undefined, acl: undefined };
  }
  const bucketOwnerId = bucket.account_id;
  const writer = asker.principal?.accountId ?? bucketOwnerId;
  const isGivenUp =
    ownership === 'BucketOwnerPreferred' && asker.header('x-amz-acl') === OWNERS_ACL;
  const ownerId = isGivenUp ? bucketOwnerId : writer;
  const acl = readAclHeaders(asker, { ownerId, bucketOwnerId });
  if (acl !== undefined) requireNotBlocked(bucket, acl);
  return { ownerId: ownerId === bucketOwnerId ? undefined : ownerId, acl };
}

/** With lists off, a request that brings one is refused; `harmless` is one that says what is so anyway. */
export function requireNoAcl(asker: Pick<Asker, 'header'>, harmless = OWNERS_ACL): void {
  const canned = asker.header('x-amz-acl');
  const hasGrants = parseGrantHeaders((name) => asker.header(name)) !== undefined;
  if (hasGrants || (canned !== undefined && canned !== harmless)) throw aclRefused();
}

export function requireAcls(context: ObjectsContext, bucket: Bucket): void {
  if (!hasAcls(context, bucket)) throw aclRefused();
}

export function requireNotBlocked(bucket: Bucket, grants: readonly AclGrant[]): void {
  const block = readSetting<PublicAccessBlock>(bucket, 'publicAccessBlock') ?? NO_BLOCK;
  if (!block.blockPublicAcls || !isPublicAcl(grants)) return;
  throw new ServiceError({
    kind: 'not-authorized',
    resource: 'acl',
    message: 'Access Denied: the public access block of the bucket keeps public ACLs out.',
  });
}

function aclRefused(): ServiceError {
  return new ServiceError({
    kind: 'unsupported',
    resource: 'bucket-configuration',
    message: 'The bucket does not allow ACLs: its owner owns every object in it.',
    details: { Configuration: 'acl' },
  });
}

function badAcl(
  message: string,
  kind: 'invalid-parameter' | 'operation-not-permitted',
): ServiceError {
  return new ServiceError({ kind, resource: 'acl', message });
}
