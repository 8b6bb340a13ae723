// Owns what a call of IAM is about, as policies name it: the ARN of the one entity that it makes, shows or changes.
// Source: Service Authorization Reference, "Actions, resources, and condition keys for AWS Identity and Access Management".

import type { Principal } from '@ironbark/protocol/internal/identity-client.ts';
import { findNamed, type NamedKind } from '../../store/iam-names.ts';
import type { App } from '../app.ts';
import { type EntityWord, entityArn } from './names.ts';

interface Subject {
  member: string;
  word: EntityWord;
  kind: NamedKind;
}

const USER: Subject = { member: 'UserName', word: 'user', kind: 'user' };
const GROUP: Subject = { member: 'GroupName', word: 'group', kind: 'iamGroup' };
const ROLE: Subject = { member: 'RoleName', word: 'role', kind: 'role' };
const POLICY: Subject = { member: 'PolicyName', word: 'policy', kind: 'managedPolicy' };
const PROFILE: Subject = {
  member: 'InstanceProfileName',
  word: 'instance-profile',
  kind: 'instanceProfile',
};

/** The first whose member a request has; what stands first is what the others are added to. */
const ORDER: readonly Subject[] = [PROFILE, GROUP, ROLE, USER];

/** Of these the list itself is meant, below its path. */
const LISTS: Readonly<Record<string, EntityWord>> = {
  ListUsers: 'user',
  ListGroups: 'group',
  ListRoles: 'role',
  ListInstanceProfiles: 'instance-profile',
};

/** Without a name these are about the caller. */
const OF_ONESELF =
  /^(?:GetUser|(?:Create|List|Update|Delete)AccessKeys?|(?:Get|Delete)LoginProfile|List(?:MFADevices|SigningCertificates|SSHPublicKeys|ServiceSpecificCredentials))$/;

export async function describeIamResource(
  app: App,
  { principal }: { principal: Principal },
  { action, input }: { action: string; input: unknown },
): Promise<string> {
  const { accountId } = principal;
  const members = Object(input) as Record<string, unknown>;
  const list = LISTS[action];
  if (list !== undefined) {
    const path = typeof members['PathPrefix'] === 'string' ? members['PathPrefix'] : '/';
    return `arn:aws:iam::${accountId}:${list}${path}`;
  }
  const subject =
    action === 'CreatePolicy' ? POLICY : ORDER.find(({ member }) => member in members);
  if (subject !== undefined) return await arnOf(app, accountId, subject, members);
  if (typeof members['PolicyArn'] === 'string') return members['PolicyArn'];
  if (typeof members['PolicySourceArn'] === 'string') return members['PolicySourceArn'];
  return OF_ONESELF.test(action) ? principal.arn : '*';
}

/** With the path that it has, or is to have. */
async function arnOf(
  app: App,
  accountId: string,
  { member, word, kind }: Subject,
  members: Readonly<Record<string, unknown>>,
): Promise<string> {
  const name = String(members[member]);
  const found = await findNamed(app.store.query, kind, { accountId, name });
  const path = found?.path ?? (typeof members['Path'] === 'string' ? members['Path'] : '/');
  return entityArn(word, { accountId, name: found?.name ?? name, path });
}
