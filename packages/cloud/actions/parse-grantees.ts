// Owns the reading of permissions: lists to add and to remove, or one operation on accounts and groups.

import { badGrantee } from '../app/image-access.ts';
import { invalidCombination, invalidValue, missingParameter } from '../app/refusals.ts';
import type { PermissionChange } from '../app/snapshot-access.ts';
import { EVERYBODY, type Grantee } from '../store/snapshot-permissions.ts';

interface Permission {
  UserId?: string | undefined;
  Group?: string | undefined;
}

export interface PermissionInput {
  /** The parameter that holds the lists, as AWS calls it. */
  name: 'CreateVolumePermission' | 'LaunchPermission';
  lists:
    | {
        Add?: readonly Permission[] | undefined;
        Remove?: readonly Permission[] | undefined;
      }
    | undefined;
  operation: 'add' | 'remove' | undefined;
  userIds: readonly string[];
  groups: readonly string[];
}

export function parsePermissions(input: PermissionInput): PermissionChange {
  const { name, lists, operation } = input;
  const { account: parseAccount, group: parseGroup } = PARSERS[name];
  const named = [...input.userIds.map(parseAccount), ...input.groups.map(parseGroup)];
  if (lists !== undefined) {
    if (named.length > 0 || operation !== undefined) {
      throw invalidCombination(`Give ${name}, or OperationType with UserIds and groups.`);
    }
    return { add: parseList(name, lists.Add), remove: parseList(name, lists.Remove) };
  }
  if (operation === undefined) throw missingParameter(name);
  if (named.length === 0) throw missingParameter('UserId/UserGroup');
  return operation === 'add' ? { add: named, remove: [] } : { add: [], remove: named };
}

type Name = PermissionInput['name'];

function parseList(name: Name, permissions: readonly Permission[] | undefined): Grantee[] {
  const { account, group } = PARSERS[name];
  return (permissions ?? []).map(({ UserId, Group }) => {
    if ((UserId === undefined) === (Group === undefined)) {
      throw invalidCombination('A permission has a UserId or a Group.');
    }
    return UserId === undefined ? group(Group!) : account(UserId);
  });
}

type Refuse = (member: 'UserId' | 'Group', text: string, why: string) => Error;

function createParsers(fail: Refuse) {
  return {
    account: (text: string): Grantee => {
      if (/^\d{12}$/.test(text)) return text;
      throw fail('UserId', text.slice(0, 64), 'An account has twelve digits.');
    },
    group: (text: string): Grantee => {
      if (text === EVERYBODY) return EVERYBODY;
      throw fail('Group', text.slice(0, 64), `The only group is '${EVERYBODY}'.`);
    },
  };
}

const ITEM_TYPES = { UserId: 'userId', Group: 'userGroup' } as const;

const PARSERS: Readonly<Record<Name, ReturnType<typeof createParsers>>> = {
  CreateVolumePermission: createParsers(invalidValue),
  LaunchPermission: createParsers((member, text, why) => badGrantee(ITEM_TYPES[member], text, why)),
};
