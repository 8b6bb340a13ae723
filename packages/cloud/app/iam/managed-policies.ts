// Owns the rules of managed policies: an account's own and AWS's, their versions, and who has them.

import type { AccountId } from '@ironbark/core/ids.ts';
import type { RandomSource } from '@ironbark/platform/random.ts';
import {
  countCharacters,
  POLICY_LIMITS,
  parseIdentityPolicy,
} from '@ironbark/protocol/policy/identity-document.ts';
import { deleteNamed, insertNamed, updateNamed } from '../../store/iam-names.ts';
import type { HolderKind, ManagedPolicyTable, PolicyVersionTable } from '../../store/iam-schema.ts';
import {
  deleteAttachment,
  deleteVersion,
  deleteVersions,
  findPolicyByArn,
  findVersion,
  insertAttachment,
  insertVersion,
  listAttachments,
  listBounded,
  listHolders,
  listVersions,
} from '../../store/policies.ts';
import type { Queries } from '../../store/store.ts';
import { newUniqueId } from '../access-keys.ts';
import { refuse } from '../refusals.ts';
import { AWS_POLICIES } from './aws-policies.ts';
import { deleteConflict, noSuch, PLACES, requirePlace, shown, tooMany } from './entities.ts';
import { checkDescription, checkPath, entityArn } from './names.ts';

const MAX_VERSIONS = 5;
const MAX_ATTACHED = 10;

export interface PolicyWish {
  name: string;
  path: string | undefined;
  description: string | undefined;
  document: string;
}

export interface Change {
  tx: Queries;
  nowMs: number;
}

export async function addPolicy(
  { random }: { random: RandomSource },
  accountId: AccountId,
  { tx, nowMs }: Change,
  wish: PolicyWish,
): Promise<ManagedPolicyTable> {
  const { name, document } = wish;
  const path = checkPath(wish.path);
  checkManaged(document);
  await requirePlace(tx, accountId, PLACES.policy, name);
  const row: ManagedPolicyTable = {
    id: newUniqueId(random, 'ANPA'),
    ...{ accountId, name, path },
    arn: entityArn('policy', { accountId, path, name }),
    description: checkDescription(wish.description),
    ...{ defaultVersion: 1, lastVersion: 1, createdAt: nowMs, updatedAt: nowMs },
  };
  await insertNamed(tx, 'managedPolicy', row);
  await insertVersion(tx, { policyId: row.id, version: 1, document, createdAt: nowMs });
  return row;
}

function checkManaged(document: string): void {
  parseIdentityPolicy(document);
  if (countCharacters(document) > POLICY_LIMITS.managed) {
    throw tooMany('PolicySize', POLICY_LIMITS.managed);
  }
}

/** Of the caller's own account; AWS's cannot be changed. */
export async function getOwnPolicy(
  db: Queries,
  accountId: AccountId,
  arn: string,
): Promise<ManagedPolicyTable> {
  if (AWS_POLICIES.has(arn)) {
    throw refuse('not-authorized', 'policy', `Policy ${arn} is AWS's own: it cannot be changed.`);
  }
  const policy = await findPolicyByArn(db, arn);
  if (policy?.accountId === accountId) return policy;
  throw noSuch(`Policy ${shown(arn)} was not found.`);
}

/** Refuses what cannot be attached. */
export async function requireAttachable(
  db: Queries,
  accountId: AccountId,
  arn: string,
): Promise<void> {
  if (AWS_POLICIES.has(arn)) return;
  const policy = await findPolicyByArn(db, arn);
  if (policy?.accountId === accountId) return;
  throw noSuch(`Policy ${shown(arn)} does not exist or is not attachable.`);
}

/** Its default version's text. */
export async function findDocument(db: Queries, arn: string): Promise<string | undefined> {
  const aws = AWS_POLICIES.get(arn);
  if (aws !== undefined) return aws.document;
  const policy = await findPolicyByArn(db, arn);
  if (policy === undefined) return undefined;
  return (await findVersion(db, policy.id, policy.defaultVersion))?.document;
}

export async function addVersion(
  { tx, nowMs }: Change,
  policy: ManagedPolicyTable,
  { document, isDefault }: { document: string; isDefault: boolean },
): Promise<PolicyVersionTable> {
  checkManaged(document);
  if ((await listVersions(tx, policy.id)).length >= MAX_VERSIONS) {
    throw refuse(
      'limit-exceeded',
      'policy',
      `A managed policy can have up to ${MAX_VERSIONS} versions. Before you create a new version, you must delete an existing version.`,
    );
  }
  const version = policy.lastVersion + 1;
  const row = { policyId: policy.id, version, document, createdAt: nowMs };
  await insertVersion(tx, row);
  const defaultVersion = isDefault ? version : policy.defaultVersion;
  const changes = { defaultVersion, lastVersion: version, updatedAt: nowMs };
  await updateNamed(tx, 'managedPolicy', { id: policy.id, ...changes });
  return row;
}

/** `v3` is 3. */
export async function getVersion(
  db: Queries,
  policy: ManagedPolicyTable,
  id: string,
): Promise<PolicyVersionTable> {
  const number = /^v([1-9]\d{0,8})$/.exec(id)?.[1];
  const row = number && (await findVersion(db, policy.id, Number(number)));
  if (row) return row;
  throw noSuch(
    `Policy ${policy.arn} version ${id.slice(0, 32)} does not exist or is not attachable.`,
  );
}

export async function removeVersion(
  { tx }: Change,
  policy: ManagedPolicyTable,
  id: string,
): Promise<void> {
  const row = await getVersion(tx, policy, id);
  if (row.version === policy.defaultVersion) {
    throw refuse('in-use', 'policy', 'Cannot delete the default version of a policy.');
  }
  await deleteVersion(tx, row);
}

export async function removePolicy({ tx }: Change, policy: ManagedPolicyTable): Promise<void> {
  const { accountId, arn, id } = policy;
  if ((await listHolders(tx, accountId, arn)).length > 0) {
    throw refuse('in-use', 'policy', 'Cannot delete a policy attached to entities.');
  }
  if ((await listBounded(tx, accountId, arn)).length > 0) {
    throw refuse('in-use', 'policy', 'Cannot delete a policy that is a permissions boundary.');
  }
  if ((await listVersions(tx, id)).length > 1) {
    const message =
      "This policy has more than one version. Before you delete a policy, you must delete the policy's versions. The default version is deleted with the policy.";
    throw refuse('in-use', 'policy', message);
  }
  await deleteVersions(tx, id);
  await deleteNamed(tx, 'managedPolicy', id);
}

export interface Holder {
  id: string;
  kind: HolderKind;
  name: string;
  accountId: AccountId;
}

export async function attachPolicy(
  { tx, nowMs }: Change,
  holder: Holder,
  policyArn: string,
): Promise<void> {
  const { accountId } = holder;
  await requireAttachable(tx, accountId, policyArn);
  const attached = await listAttachments(tx, [holder.id]);
  if (attached.some((one) => one.policyArn === policyArn)) return;
  if (attached.length >= MAX_ATTACHED) {
    throw tooMany(
      `PoliciesPer${holder.kind[0]!.toUpperCase()}${holder.kind.slice(1)}`,
      MAX_ATTACHED,
    );
  }
  const row = { accountId, policyArn, holderId: holder.id, holderKind: holder.kind };
  await insertAttachment(tx, { ...row, attachedAt: nowMs });
}

export async function detachPolicy(
  { tx }: Change,
  holder: Holder,
  policyArn: string,
): Promise<void> {
  if (await deleteAttachment(tx, holder.id, policyArn)) return;
  throw noSuch(`Policy ${shown(policyArn)} was not found.`);
}

export function requireNothingAttached(count: number): void {
  if (count > 0) throw deleteConflict('detach all policies');
}
