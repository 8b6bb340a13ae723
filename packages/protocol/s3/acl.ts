// Owns access control lists: grants, their XML, canned ones, and the headers that stand for them.
// Source: AWS, "Access control list (ACL) overview".

import { ServiceError } from '@ironbark/core/errors.ts';
import { owner } from './list-results.ts';
import { childrenOf, findText, parseXml, type XmlNode } from './xml-reader.ts';
import { element, renderXml, s3Root, type XmlElement } from './xml-writer.ts';

export type AclPermission = 'FULL_CONTROL' | 'READ' | 'WRITE' | 'READ_ACP' | 'WRITE_ACP';

export type Grantee =
  /** Canonical ids of accounts are their numbers here. */
  { kind: 'account'; id: string } | { kind: 'group'; uri: string };

export interface AclGrant {
  grantee: Grantee;
  permission: AclPermission;
}

export const ALL_USERS = 'http://acs.amazonaws.com/groups/global/AllUsers';
export const AUTHENTICATED_USERS = 'http://acs.amazonaws.com/groups/global/AuthenticatedUsers';
/** Who delivers access logs. */
export const LOG_DELIVERY = 'http://acs.amazonaws.com/groups/s3/LogDelivery';
const GROUPS = [ALL_USERS, AUTHENTICATED_USERS, LOG_DELIVERY];
const PERMISSIONS: readonly string[] = ['FULL_CONTROL', 'READ', 'WRITE', 'READ_ACP', 'WRITE_ACP'];

/** AWS's limit. */
const MAX_GRANTS = 100;
const ACCOUNT_ID = /^\d{12}$/;

export interface AclDocument {
  ownerId: string;
  grants: readonly AclGrant[];
}

export function grantOwner(ownerId: string): AclGrant {
  return { grantee: { kind: 'account', id: ownerId }, permission: 'FULL_CONTROL' };
}

function grantGroup(uri: string, permission: AclPermission): AclGrant {
  return { grantee: { kind: 'group', uri }, permission };
}

/** True when everybody, or everybody who has an account, is given something. */
export function isPublicAcl(grants: readonly AclGrant[]): boolean {
  return grants.some(
    ({ grantee }) =>
      grantee.kind === 'group' && [ALL_USERS, AUTHENTICATED_USERS].includes(grantee.uri),
  );
}

export interface CannedOwners {
  ownerId: string;
  /** For those of objects that give something to the bucket's owner. */
  bucketOwnerId: string;
}

/** Undefined for a name that AWS does not know. */
export function expandCannedAcl(
  name: string,
  { ownerId, bucketOwnerId }: CannedOwners,
): readonly AclGrant[] | undefined {
  const own = grantOwner(ownerId);
  const toBucketOwner = (permission: AclPermission): AclGrant[] =>
    ownerId === bucketOwnerId
      ? []
      : [{ grantee: { kind: 'account', id: bucketOwnerId }, permission }];
  switch (name) {
    case 'private':
      return [own];
    case 'public-read':
      return [own, grantGroup(ALL_USERS, 'READ')];
    case 'public-read-write':
      return [own, grantGroup(ALL_USERS, 'READ'), grantGroup(ALL_USERS, 'WRITE')];
    case 'authenticated-read':
      return [own, grantGroup(AUTHENTICATED_USERS, 'READ')];
    case 'bucket-owner-read':
      return [own, ...toBucketOwner('READ')];
    case 'bucket-owner-full-control':
      return [own, ...toBucketOwner('FULL_CONTROL')];
    case 'log-delivery-write':
      return [own, grantGroup(LOG_DELIVERY, 'WRITE'), grantGroup(LOG_DELIVERY, 'READ_ACP')];
    default:
      return undefined;
  }
}

const GRANT_HEADERS: Readonly<Record<string, AclPermission>> = {
  'x-amz-grant-full-control': 'FULL_CONTROL',
  'x-amz-grant-read': 'READ',
  'x-amz-grant-write': 'WRITE',
  'x-amz-grant-read-acp': 'READ_ACP',
  'x-amz-grant-write-acp': 'WRITE_ACP',
};

/** Undefined when no such header is there. */
export function parseGrantHeaders(
  header: (name: string) => string | undefined,
): readonly AclGrant[] | undefined {
  const given = Object.entries(GRANT_HEADERS).flatMap(([name, permission]) => {
    const value = header(name);
    return value === undefined ? [] : [{ value, permission }];
  });
  if (given.length === 0) return undefined;
  return given.flatMap(({ value, permission }) =>
    value.split(',').map((part) => ({ grantee: parseGrantee(part), permission })),
  );
}

/** `id="..."`, `uri="..."` or `emailAddress="..."`. */
function parseGrantee(text: string): Grantee {
  const match = /^\s*(id|uri|emailAddress)\s*=\s*"?([^"]*)"?\s*$/i.exec(text);
  const [, form = '', value = ''] = match ?? [];
  if (form.toLowerCase() === 'id') return requireAccount(value);
  if (form.toLowerCase() === 'uri') return requireGroup(value);
  if (form !== '') throw unknownEmail(value);
  throw badGrant('A grant header has to be of the form id="...", uri="..." or emailAddress="..."');
}

export function parseAccessControlPolicy(body: Uint8Array): AclDocument {
  const root = parseXml(body, 'AccessControlPolicy');
  const [ownerNode] = childrenOf(root, 'Owner');
  const [list] = childrenOf(root, 'AccessControlList');
  if (ownerNode === undefined || list === undefined) throw malformedAcl('it lacks owner or list');
  const nodes = childrenOf(list, 'Grant');
  if (nodes.length > MAX_GRANTS) throw malformedAcl(`it has more than ${MAX_GRANTS} grants`);
  return { ownerId: findText(ownerNode, 'ID') ?? '', grants: nodes.map(parseGrant) };
}

function parseGrant(node: XmlNode): AclGrant {
  const permission = findText(node, 'Permission') ?? '';
  const [grantee] = childrenOf(node, 'Grantee');
  if (grantee === undefined || !PERMISSIONS.includes(permission)) {
    throw malformedAcl('a grant lacks its grantee, or has an unknown permission');
  }
  return { grantee: parseGranteeNode(grantee), permission: permission as AclPermission };
}

function parseGranteeNode(node: XmlNode): Grantee {
  const id = findText(node, 'ID');
  const uri = findText(node, 'URI');
  const email = findText(node, 'EmailAddress');
  if (id !== undefined) return requireAccount(id);
  if (uri !== undefined) return requireGroup(uri);
  if (email !== undefined) throw unknownEmail(email);
  throw malformedAcl('a grantee has neither ID nor URI nor EmailAddress');
}

function requireAccount(id: string): Grantee {
  if (ACCOUNT_ID.test(id)) return { kind: 'account', id };
  throw badGrant('Invalid id: canonical user ids of this cloud are the numbers of accounts.');
}

function requireGroup(uri: string): Grantee {
  if (GROUPS.includes(uri)) return { kind: 'group', uri };
  throw badGrant('Invalid group uri');
}

export function renderAcl({ ownerId, grants }: AclDocument): string {
  // Their order says nothing; groups come first, for readers that look for what is open.
  const isGroup = ({ grantee }: AclGrant) => grantee.kind === 'group';
  const ordered = [...grants.filter(isGroup), ...grants.filter((grant) => !isGroup(grant))];
  const list = ordered.map(({ grantee, permission }) =>
    element('Grant', [renderGrantee(grantee), element('Permission', permission)]),
  );
  return renderXml(
    s3Root('AccessControlPolicy', [owner('Owner', ownerId), element('AccessControlList', list)]),
  );
}

function renderGrantee(grantee: Grantee): XmlElement {
  const type = grantee.kind === 'account' ? 'CanonicalUser' : 'Group';
  const members =
    grantee.kind === 'account'
      ? [element('ID', grantee.id), element('DisplayName', grantee.id)]
      : [element('URI', grantee.uri)];
  return element('Grantee', members, {
    'xmlns:xsi': 'http://www.w3.org/2001/XMLSchema-instance',
    'xsi:type': type,
  });
}

function malformedAcl(why: string): ServiceError {
  return new ServiceError({
    kind: 'malformed-input',
    resource: 'acl',
    message: `The ACL that you provided was not well formed or did not validate: ${why}.`,
  });
}

function badGrant(message: string): ServiceError {
  return new ServiceError({ kind: 'invalid-parameter', resource: 'acl', message });
}

function unknownEmail(address: string): ServiceError {
  return new ServiceError({
    kind: 'not-found',
    resource: 'acl',
    message: 'The email address you provided does not match any account on record.',
    details: { EmailAddress: address },
  });
}
