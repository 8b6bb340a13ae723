// Owns who a request speaks for: access keys and their principals, with what their account lets them do.

import type {
  AccessKeyRecord,
  IdentityClient,
  Principal,
} from '@ironbark/protocol/internal/identity-client.ts';
import { type AccessKeyRow, findActiveKey } from '../store/accounts.ts';
import { findById } from '../store/iam-names.ts';
import type { SessionTable } from '../store/iam-schema.ts';
import { listIamTags } from '../store/iam-tags.ts';
import { findSession } from '../store/sessions.ts';
import type { Queries, Store } from '../store/store.ts';
import { rootOwner } from './access-keys.ts';
import { KeyUses } from './iam/key-uses.ts';
import { entityArn } from './iam/names.ts';
import { loadPermissions, parseKept } from './iam/permissions.ts';
import { QUOTAS } from './quotas/catalogue.ts';
import { findLimit } from './quotas/limits.ts';

export function createIdentity(store: Store, uses: KeyUses = new KeyUses()): IdentityClient {
  return {
    findAccessKey: async (id) => {
      if (id.startsWith('ASIA')) return await findTemporaryKey(store.query, id);
      const row = await findActiveKey(store.query, id);
      return row && (await describeKey(store.query, row));
    },
    findBucketLimit: (accountId) => findLimit(store.query, accountId, QUOTAS.buckets),
    noteUse: (id, use) => uses.note(id, use),
  };
}

export function toAccessKey(row: AccessKeyRow): AccessKeyRecord {
  const { accountId, arn, userId } = row;
  return {
    accessKeyId: row.id,
    secretAccessKey: row.secret,
    principal: { accountId, arn, userId, isRoot: row.isRoot === 1 },
  };
}

async function describeKey(db: Queries, row: AccessKeyRow): Promise<AccessKeyRecord | undefined> {
  const key = toAccessKey(row);
  if (key.principal.isRoot) return key;
  const principal = await describeUser(db, row.userId);
  return principal && { ...key, principal };
}

/** As it is now: a user has the name that it has today. */
async function describeUser(db: Queries, id: string): Promise<Principal | undefined> {
  const user = await findById(db, 'user', id);
  if (user === undefined) return undefined;
  const { accountId, arn, boundaryArn } = user;
  return {
    ...{ accountId, arn, userId: id, isRoot: false },
    tags: await readTags(db, id),
    permissions: await loadPermissions(db, { id, kind: 'user', boundaryArn }),
  };
}

async function findTemporaryKey(db: Queries, id: string): Promise<AccessKeyRecord | undefined> {
  const session = await findSession(db, id);
  if (session === undefined) return undefined;
  const principal = await describeSession(db, session);
  if (principal === undefined) return undefined;
  return {
    accessKeyId: id,
    secretAccessKey: session.secret,
    sessionToken: session.token,
    expiresAtMs: session.expiresAt,
    principal: { ...principal, issuedAtMs: session.issuedAt },
  };
}

async function describeSession(db: Queries, session: SessionTable): Promise<Principal | undefined> {
  const { accountId, holderId, holderKind } = session;
  if (holderKind === 'user') return await describeUser(db, holderId);
  if (holderKind === 'role') return await describeRole(db, session);
  const { arn, userId } = rootOwner(accountId);
  return { accountId, arn, userId, isRoot: true };
}

/** A role that is gone speaks for nobody; one whose policies have changed has the new ones. */
async function describeRole(
  db: Queries,
  { holderId, sessionName, policies, tags }: SessionTable,
): Promise<Principal | undefined> {
  const role = await findById(db, 'role', holderId);
  if (role === undefined) return undefined;
  const { accountId, name, boundaryArn } = role;
  const permissions = await loadPermissions(db, { id: holderId, kind: 'role', boundaryArn });
  const session = policies === null ? undefined : (JSON.parse(policies) as string[]);
  return {
    accountId,
    arn: `arn:aws:sts::${accountId}:assumed-role/${name}/${sessionName}`,
    userId: `${holderId}:${sessionName}`,
    isRoot: false,
    roleArn: entityArn('role', role),
    tags: { ...(await readTags(db, holderId)), ...(JSON.parse(tags) as Record<string, string>) },
    permissions:
      session === undefined ? permissions : { ...permissions, session: session.map(parseKept) },
  };
}

async function readTags(db: Queries, id: string): Promise<Record<string, string>> {
  const tags = await listIamTags(db, id);
  return Object.fromEntries(tags.map(({ key, value }) => [key, value]));
}
