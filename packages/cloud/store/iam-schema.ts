// Owns the tables of IAM as types, users and access keys aside. Ids are IAM's unique ids.

import type { AccountId, InstanceId, ProfileAssociationId } from '@ironbark/core/ids.ts';

/** What users, groups, roles, managed policies and instance profiles have in common. */
interface NamedTable {
  id: string;
  accountId: AccountId;
  name: string;
  /** `/`, or parts between slashes. */
  path: string;
  createdAt: number;
}

export interface GroupTable extends NamedTable {}

export interface GroupMemberTable {
  groupId: string;
  userId: string;
  accountId: AccountId;
}

export interface RoleTable extends NamedTable {
  description: string | null;
  trustPolicy: string;
  maxSessionSeconds: number;
  /** Of a policy. */
  boundaryArn: string | null;
  lastUsedAt: number | null;
}

export interface ManagedPolicyTable extends NamedTable {
  arn: string;
  description: string | null;
  defaultVersion: number;
  /** The highest number that was ever given. */
  lastVersion: number;
  updatedAt: number;
}

export interface PolicyVersionTable {
  policyId: string;
  version: number;
  document: string;
  createdAt: number;
}

export type HolderKind = 'user' | 'group' | 'role';

export interface PolicyAttachmentTable {
  accountId: AccountId;
  policyArn: string;
  holderId: string;
  holderKind: HolderKind;
  attachedAt: number;
}

export interface InlinePolicyTable {
  holderId: string;
  accountId: AccountId;
  name: string;
  document: string;
}

export interface InstanceProfileTable extends NamedTable {
  roleId: string | null;
}

export interface AccountAliasTable {
  accountId: AccountId;
  alias: string;
}

/** When a key was last used. */
export interface KeyUseTable {
  keyId: string;
  atMs: number;
  service: string;
  region: string;
}

export interface IamTagTable {
  resourceId: string;
  accountId: AccountId;
  key: string;
  value: string;
}

/** Temporary credentials of STS. */
export interface SessionTable {
  /** The access key id, `ASIA...`. */
  id: string;
  accountId: AccountId;
  secret: string;
  token: string;
  /** A user's, a role's, or the account's own. */
  holderKind: 'user' | 'role' | 'root';
  holderId: string;
  /** `''` but for roles. */
  sessionName: string;
  /** Session policies, a JSON list of documents; null: not narrowed. */
  policies: string | null;
  /** A JSON object. */
  tags: string;
  issuedAt: number;
  expiresAt: number;
  /** Set where an instance has them from its profile. */
  instanceId: string | null;
}

export interface ProfileAssociationTable {
  id: ProfileAssociationId;
  accountId: AccountId;
  instanceId: InstanceId;
  profileId: string;
  createdAt: number;
}

export interface IamSchema {
  iamGroup: GroupTable;
  groupMember: GroupMemberTable;
  role: RoleTable;
  managedPolicy: ManagedPolicyTable;
  policyVersion: PolicyVersionTable;
  policyAttachment: PolicyAttachmentTable;
  inlinePolicy: InlinePolicyTable;
  instanceProfile: InstanceProfileTable;
  accountAlias: AccountAliasTable;
  iamTag: IamTagTable;
  keyUse: KeyUseTable;
  session: SessionTable;
  profileAssociation: ProfileAssociationTable;
}
