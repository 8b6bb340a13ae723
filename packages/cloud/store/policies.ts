// Owns the queries on policies: versions of managed ones, who has them, and those that are part of one holder.

import type { AccountId } from '@ironbark/core/ids.ts';
import type {
  HolderKind,
  InlinePolicyTable,
  ManagedPolicyTable,
  PolicyAttachmentTable,
  PolicyVersionTable,
} from './iam-schema.ts';
import type { Queries } from './store.ts';

export function findPolicyByArn(db: Queries, arn: string): Promise<ManagedPolicyTable | undefined> {
  const [, , , , accountId = '', rest = ''] = arn.split(':');
  return db
    .selectFrom('managedPolicy')
    .selectAll()
    .where('accountId', '=', accountId)
    .where('name', '=', rest.slice(rest.lastIndexOf('/') + 1))
    .where('arn', '=', arn)
    .executeTakeFirst();
}

export function listVersions(db: Queries, policyId: string): Promise<PolicyVersionTable[]> {
  return db
    .selectFrom('policyVersion')
    .selectAll()
    .where('policyId', '=', policyId)
    .orderBy('version', 'desc')
    .execute();
}

export function findVersion(
  db: Queries,
  policyId: string,
  version: number,
): Promise<PolicyVersionTable | undefined> {
  return db
    .selectFrom('policyVersion')
    .selectAll()
    .where('policyId', '=', policyId)
    .where('version', '=', version)
    .executeTakeFirst();
}

export async function insertVersion(db: Queries, row: PolicyVersionTable): Promise<void> {
  await db.insertInto('policyVersion').values(row).execute();
}

export async function deleteVersion(db: Queries, row: PolicyVersionTable): Promise<void> {
  await db
    .deleteFrom('policyVersion')
    .where('policyId', '=', row.policyId)
    .where('version', '=', row.version)
    .execute();
}

export async function deleteVersions(db: Queries, policyId: string): Promise<void> {
  await db.deleteFrom('policyVersion').where('policyId', '=', policyId).execute();
}

export async function insertAttachment(db: Queries, row: PolicyAttachmentTable): Promise<void> {
  const insert = db.insertInto('policyAttachment').values(row);
  await insert.onConflict((conflict) => conflict.doNothing()).execute();
}

/** True when there was one. */
export async function deleteAttachment(
  db: Queries,
  holderId: string,
  policyArn: string,
): Promise<boolean> {
  const result = await db
    .deleteFrom('policyAttachment')
    .where('holderId', '=', holderId)
    .where('policyArn', '=', policyArn)
    .executeTakeFirst();
  return result.numDeletedRows > 0n;
}

/** Of one holder or of several. */
export function listAttachments(
  db: Queries,
  holderIds: readonly string[],
): Promise<PolicyAttachmentTable[]> {
  return db
    .selectFrom('policyAttachment')
    .selectAll()
    .where('holderId', 'in', holderIds)
    .orderBy('policyArn')
    .execute();
}

export function listHolders(
  db: Queries,
  accountId: AccountId,
  policyArn: string,
): Promise<PolicyAttachmentTable[]> {
  return db
    .selectFrom('policyAttachment')
    .selectAll()
    .where('accountId', '=', accountId)
    .where('policyArn', '=', policyArn)
    .execute();
}

/** How often each policy is attached in an account, by ARN. */
export async function countAttachments(
  db: Queries,
  accountId: AccountId,
): Promise<Map<string, number>> {
  const rows = await db
    .selectFrom('policyAttachment')
    .select(({ fn }) => ['policyArn', fn.countAll().as('count')])
    .where('accountId', '=', accountId)
    .groupBy('policyArn')
    .execute();
  return new Map(rows.map(({ policyArn, count }) => [policyArn, Number(count)]));
}

/** Users and roles that a policy bounds. */
export async function listBounded(
  db: Queries,
  accountId: AccountId,
  policyArn: string,
): Promise<{ id: string; name: string; kind: HolderKind }[]> {
  const find = (kind: 'user' | 'role') =>
    db
      .selectFrom(kind as 'role')
      .select(['id', 'name'])
      .where('accountId', '=', accountId)
      .where('boundaryArn', '=', policyArn)
      .orderBy('name')
      .execute();
  const [users, roles] = [await find('user'), await find('role')];
  return [
    ...users.map((row) => ({ ...row, kind: 'user' as const })),
    ...roles.map((row) => ({ ...row, kind: 'role' as const })),
  ];
}

export function listInline(
  db: Queries,
  holderIds: readonly string[],
): Promise<InlinePolicyTable[]> {
  return db
    .selectFrom('inlinePolicy')
    .selectAll()
    .where('holderId', 'in', holderIds)
    .orderBy('name')
    .execute();
}

export async function putInline(db: Queries, row: InlinePolicyTable): Promise<void> {
  await deleteInline(db, row.holderId, row.name);
  await db.insertInto('inlinePolicy').values(row).execute();
}

/** True when there was one. */
export async function deleteInline(db: Queries, holderId: string, name: string): Promise<boolean> {
  const result = await db
    .deleteFrom('inlinePolicy')
    .where('holderId', '=', holderId)
    .where('name', '=', name)
    .executeTakeFirst();
  return result.numDeletedRows > 0n;
}
