// Owns who may do what with a bucket and its objects: asked for every request, before anything is read or changed.

import { ServiceError } from '@ironbark/core/errors.ts';
import { decideAccess } from '@ironbark/protocol/internal/authorization.ts';
import type { Principal } from '@ironbark/protocol/internal/identity-client.ts';
import type { PolicyDocument } from '@ironbark/protocol/policy/document.ts';
import type { AclGrant } from '@ironbark/protocol/s3/acl.ts';
import { NO_BLOCK, type PublicAccessBlock } from '@ironbark/protocol/s3/ownership.ts';
import { type AccessDecision, decideObjectsAccess } from './access-decision.ts';
import { bucketGrants, hasAcls, objectGrants } from './acl.ts';
import type { Asker } from './asker.ts';
import { type Bucket, loadBucket, readSetting } from './bucket-settings.ts';
import { describeConditions } from './condition-context.ts';
import type { ObjectsContext } from './context.ts';
import { noSuchBucket } from './not-found.ts';
import { fromVersionRow, type ObjectVersion } from './object-version.ts';
import { type Permission, permissionOf } from './permissions.ts';
import { findSelectedRow } from './version-lookup.ts';

/** For operations that are about the caller's account and no bucket of somebody else. */
export function requireAccount(
  principal: Principal | undefined,
  operation: string,
  bucketName = '',
): Principal {
  if (principal === undefined) throw refuseAccess('anonymous', undefined, operation);
  const { accountId } = principal;
  const { action } = permissionOf(operation);
  const resource = { arn: arnOf(bucketName, ''), accountId };
  const decision = decideAccess({ principal, action, resource, context: new Map() });
  if (decision === 'allowed') return principal;
  throw refuseAccess(
    decision === 'explicitly-denied' ? 'denied-by-identity' : 'no-policy-allows',
    principal,
    action,
  );
}

export interface BucketAccess {
  operation: string;
  name: string;
  /** Absent or '' for the bucket itself. */
  key?: string;
  versionId?: string | undefined;
  /** A guard that callers may add. */
  expectedOwner?: string | undefined;
}

/** The bucket, whoever asks: the caller has to ask whether they may. */
export async function getBucket(
  context: ObjectsContext,
  { name }: Pick<BucketAccess, 'name'>,
): Promise<Bucket> {
  const bucket = await loadBucket(context, name);
  if (bucket === undefined) throw noSuchBucket(name);
  return bucket;
}

export function requireExpectedOwner(bucket: Bucket, expected: string | undefined): void {
  if (expected !== undefined && expected !== bucket.account_id) {
    throw accessDenied('it has another owner');
  }
}

/** The bucket, if this caller may do this with it. */
export async function requireBucket(
  context: ObjectsContext,
  asker: Asker,
  access: BucketAccess,
): Promise<Bucket> {
  const bucket = await getBucket(context, { name: access.name });
  await requireAccess(context, asker, { ...access, bucket });
  requireExpectedOwner(bucket, access.expectedOwner);
  return bucket;
}

export interface ResourceAccess {
  bucket: Bucket;
  operation: string;
  key?: string;
  versionId?: string | undefined;
  /** Instead of what the operation asks for as a rule. */
  permission?: Permission;
}

/** Throws unless this caller may do this. */
export async function requireAccess(
  context: ObjectsContext,
  asker: Asker,
  access: ResourceAccess,
): Promise<void> {
  const permission = access.permission ?? permissionOf(access.operation);
  if (isSimplyOwners(context, asker, access.bucket)) return;
  const object = await findSubject(context, access);
  const decision = decide(context, asker, { ...access, permission, object });
  const isMissing = permission.needsObject === true && object === undefined;
  if (decision !== 'allowed' && (!isMissing || decision.startsWith('denied-'))) {
    throw refuseAccess(decision, asker.principal, permission.action);
  }
  if (!isMissing) return;
  // Who may list is told what is missing, and nobody else.
  const list = permissionOf('ListObjects');
  // As if it had been asked for a list of exactly this.
  const lister = { ...asker, query: new Map([['prefix', access.key ?? '']]) };
  const mayList = decide(context, lister, { ...access, key: '', permission: list, object });
  if (mayList !== 'allowed') throw refuseAccess(mayList, asker.principal, list.action);
}

/** True when it may be done; for what depends on it. */
export async function hasAccess(
  context: ObjectsContext,
  asker: Asker,
  access: ResourceAccess & { permission: Permission },
): Promise<boolean> {
  if (isSimplyOwners(context, asker, access.bucket)) return true;
  const object = await findSubject(context, access);
  return decide(context, asker, { ...access, object }) === 'allowed';
}

/** Nothing that is set on the bucket could say otherwise: no look at the object is needed. */
function isSimplyOwners(context: ObjectsContext, { principal }: Asker, bucket: Bucket): boolean {
  return (
    principal?.isRoot === true &&
    principal.accountId === bucket.account_id &&
    !bucket.settings.has('policy') &&
    !hasAcls(context, bucket)
  );
}

async function findSubject(
  context: ObjectsContext,
  { bucket, key = '', versionId }: ResourceAccess,
): Promise<ObjectVersion | undefined> {
  if (key === '') return undefined;
  const row = await findSelectedRow(context.db.query, { bucket, key, versionId });
  return row === undefined || row.is_delete_marker === 1 ? undefined : fromVersionRow(row);
}

interface Decidable extends ResourceAccess {
  permission: Permission;
  object: ObjectVersion | undefined;
}

function decide(context: ObjectsContext, asker: Asker, subject: Decidable): AccessDecision {
  const { bucket, key = '', versionId, permission, object } = subject;
  const isAboutObject = permission.needsObject === true && object !== undefined;
  return decideObjectsAccess({
    principal: asker.principal,
    action:
      versionId === undefined ? permission.action : (permission.ofVersion ?? permission.action),
    resource: arnOf(bucket.name, key),
    bucketOwner: bucket.account_id,
    resourceOwner: isAboutObject ? (object.ownerId ?? bucket.account_id) : bucket.account_id,
    policy: readSetting<PolicyRecord>(bucket, 'policy')?.document,
    block: readSetting<PublicAccessBlock>(bucket, 'publicAccessBlock') ?? NO_BLOCK,
    grants: grantsFor(context, bucket, permission, object),
    grant: permission.grant?.permission,
    context: describeConditions({
      asker,
      nowMs: context.clock.nowMs(),
      bucketOwner: bucket.account_id,
      versionId,
      tags: object?.tags ?? [],
    }),
  });
}

function grantsFor(
  context: ObjectsContext,
  bucket: Bucket,
  { grant }: Permission,
  object: ObjectVersion | undefined,
): readonly AclGrant[] | undefined {
  if (grant === undefined || !hasAcls(context, bucket)) return undefined;
  if (grant.on === 'bucket') return bucketGrants(bucket);
  return object === undefined ? undefined : objectGrants(bucket, object);
}

/** A policy as it was given, and as it was understood. */
export interface PolicyRecord {
  text: string;
  document: PolicyDocument;
}

function arnOf(bucketName: string, key: string): string {
  if (bucketName === '') return '*';
  return `arn:aws:s3:::${bucketName}${key === '' ? '' : `/${key}`}`;
}

function refuseAccess(
  decision: Exclude<AccessDecision, 'allowed'>,
  principal: Principal | undefined,
  action: string,
): ServiceError {
  switch (decision) {
    case 'another-account':
      return accessDenied('only the account that owns it may use it');
    case 'denied-by-policy':
      return accessDenied(`the bucket's policy denies ${action}`);
    case 'denied-by-identity':
      return accessDenied(`an identity-based policy of ${principal?.arn} denies ${action}`);
    case 'anonymous':
      return accessDenied('the request is not signed');
    case 'no-policy-allows':
      return accessDenied(`no identity-based policy of ${principal?.arn} allows ${action}`);
  }
}

function accessDenied(reason: string): ServiceError {
  return new ServiceError({
    kind: 'not-authorized',
    resource: 'bucket',
    message: `Access Denied: ${reason}.`,
  });
}
