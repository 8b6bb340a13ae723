// Owns looking up users, groups, roles and instance profiles by name, and how a new one gets its place.

import type { AccountId } from '@ironbark/core/ids.ts';
import type { UserTable } from '../../store/account-schema.ts';
import { countNamed, findNamed, isNameTaken, type NamedKind } from '../../store/iam-names.ts';
import type { GroupTable, InstanceProfileTable, RoleTable } from '../../store/iam-schema.ts';
import type { Queries } from '../../store/store.ts';
import { refuse } from '../refusals.ts';
import { checkName, type EntityWord } from './names.ts';

export async function getUser(db: Queries, accountId: AccountId, name: string): Promise<UserTable> {
  const user = await findNamed(db, 'user', { accountId, name });
  if (user === undefined) throw noSuch(`The user with name ${shown(name)} cannot be found.`);
  return user;
}

export async function getGroup(
  db: Queries,
  accountId: AccountId,
  name: string,
): Promise<GroupTable> {
  const group = await findNamed(db, 'iamGroup', { accountId, name });
  if (group === undefined) throw noSuch(`The group with name ${shown(name)} cannot be found.`);
  return group;
}

export async function getRole(db: Queries, accountId: AccountId, name: string): Promise<RoleTable> {
  const role = await findNamed(db, 'role', { accountId, name });
  if (role === undefined) throw noSuch(`The role with name ${shown(name)} cannot be found.`);
  return role;
}

export async function getProfile(
  db: Queries,
  accountId: AccountId,
  name: string,
): Promise<InstanceProfileTable> {
  const profile = await findNamed(db, 'instanceProfile', { accountId, name });
  if (profile === undefined) throw noSuch(`Instance Profile ${shown(name)} cannot be found.`);
  return profile;
}

export function noSuch(message: string): Error {
  return refuse('not-found', 'user', message);
}

/** What a caller sent, but not all of it. */
export function shown(name: string): string {
  return name.slice(0, 128);
}

interface Place {
  word: EntityWord;
  kind: NamedKind;
  parameter: string;
  /** For the sentence. */
  noun: string;
  /** Of an account, as AWS's quota has it. */
  max: number;
}

export const PLACES = {
  user: { word: 'user', kind: 'user', parameter: 'UserName', noun: 'User', max: 5_000 },
  group: { word: 'group', kind: 'iamGroup', parameter: 'GroupName', noun: 'Group', max: 300 },
  role: { word: 'role', kind: 'role', parameter: 'RoleName', noun: 'Role', max: 1_000 },
  policy: {
    word: 'policy',
    kind: 'managedPolicy',
    parameter: 'PolicyName',
    noun: 'Policy',
    max: 1_500,
  },
  profile: {
    word: 'instance-profile',
    kind: 'instanceProfile',
    parameter: 'InstanceProfileName',
    noun: 'Instance Profile',
    max: 1_000,
  },
} as const satisfies Record<string, Place>;

/** Refuses a name that is none, or is taken, and one entity too many. */
export async function requirePlace(
  db: Queries,
  accountId: AccountId,
  { word, kind, parameter, noun, max }: Place,
  name: string,
): Promise<void> {
  checkName(word, name, parameter);
  if (await isNameTaken(db, kind, { accountId, name })) {
    throw refuse('duplicate', 'user', `${noun} with name ${name} already exists.`);
  }
  if ((await countNamed(db, kind, accountId)) >= max) throw tooMany(`${noun}s per account`, max);
}

/** The new name of one that is there, which may differ from the old one in case alone. */
export async function requireNewName(
  db: Queries,
  accountId: AccountId,
  { word, kind, parameter, noun }: Place,
  { from, to }: { from: string; to: string },
): Promise<void> {
  checkName(word, to, parameter);
  if (from.toLowerCase() === to.toLowerCase()) return;
  if (await isNameTaken(db, kind, { accountId, name: to })) {
    throw refuse('duplicate', 'user', `${noun} with name ${to} already exists.`);
  }
}

export function tooMany(what: string, max: number): Error {
  return refuse('limit-exceeded', 'user', `Cannot exceed quota for ${what}: ${max}`);
}

export function deleteConflict(what: string): Error {
  return refuse('in-use', 'user', `Cannot delete entity, must ${what} first.`);
}
