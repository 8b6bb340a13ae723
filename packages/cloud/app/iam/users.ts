// Owns the rules of IAM's users: how one comes, changes its name and goes, and whose key is meant.

import type { AccountId } from '@ironbark/core/ids.ts';
import type { RandomSource } from '@ironbark/platform/random.ts';
import type { Principal } from '@ironbark/protocol/internal/identity-client.ts';
import type { UserTable } from '../../store/account-schema.ts';
import { deleteUser, listKeysOf, moveKeys } from '../../store/accounts.ts';
import { listGroupsOf } from '../../store/group-members.ts';
import { findById, insertNamed, updateNamed } from '../../store/iam-names.ts';
import { listAttachments, listInline } from '../../store/policies.ts';
import type { Queries } from '../../store/store.ts';
import { type KeyOwner, newUserId, rootOwner, userOwner } from '../access-keys.ts';
import { refuse } from '../refusals.ts';
import {
  deleteConflict,
  getUser,
  noSuch,
  PLACES,
  requireNewName,
  requirePlace,
} from './entities.ts';
import {
  type Change,
  type Holder,
  requireAttachable,
  requireNothingAttached,
} from './managed-policies.ts';
import { checkPath, entityArn } from './names.ts';

export interface UserWish {
  name: string;
  path: string | undefined;
  boundaryArn: string | undefined;
}

export async function addIamUser(
  { random }: { random: RandomSource },
  accountId: AccountId,
  { tx, nowMs }: Change,
  { name, path: wanted, boundaryArn }: UserWish,
): Promise<UserTable> {
  const path = checkPath(wanted);
  await requirePlace(tx, accountId, PLACES.user, name);
  if (boundaryArn !== undefined) await requireAttachable(tx, accountId, boundaryArn);
  const user: UserTable = {
    id: newUserId(random),
    ...{ accountId, name, path },
    arn: entityArn('user', { accountId, name, path }),
    createdAt: nowMs,
    boundaryArn: boundaryArn ?? null,
  };
  await insertNamed(tx, 'user', user);
  return user;
}

/** Keys, memberships and policies go along; the ARN is another one. */
export async function renameUser(
  tx: Queries,
  user: UserTable,
  { name = user.name, path: wanted }: { name: string | undefined; path: string | undefined },
): Promise<void> {
  const { accountId } = user;
  await requireNewName(tx, accountId, PLACES.user, { from: user.name, to: name });
  const path = wanted === undefined ? user.path : checkPath(wanted);
  const arn = entityArn('user', { accountId, name, path });
  await updateNamed(tx, 'user', { id: user.id, name, path, arn });
  await moveKeys(tx, user.id, arn);
}

export async function removeIamUser(tx: Queries, user: UserTable): Promise<void> {
  if ((await listKeysOf(tx, user.id)).length > 0) throw deleteConflict('delete access keys');
  requireNothingAttached((await listAttachments(tx, [user.id])).length);
  if ((await listInline(tx, [user.id])).length > 0) throw deleteConflict('delete policies');
  if ((await listGroupsOf(tx, user.id)).length > 0) throw deleteConflict('remove users from group');
  await deleteUser(tx, user);
}

export function userHolder({ id, name, accountId }: UserTable): Holder {
  return { id, name, accountId, kind: 'user' };
}

/** The caller itself where no name is given; undefined: its account's root. */
export async function findMeantUser(
  db: Queries,
  { accountId, userId, isRoot, roleArn }: Principal,
  name: string | undefined,
): Promise<UserTable | undefined> {
  if (name !== undefined) return await getUser(db, accountId, name);
  if (isRoot) return undefined;
  if (roleArn !== undefined) {
    throw refuse(
      'invalid-parameter',
      'user',
      'Must specify userName when calling with non-User credentials',
    );
  }
  const user = await findById(db, 'user', userId);
  if (user === undefined) throw noSuch('The user of this key cannot be found.');
  return user;
}

export async function findKeyOwner(
  db: Queries,
  principal: Principal,
  name: string | undefined,
): Promise<KeyOwner> {
  const user = await findMeantUser(db, principal, name);
  return user === undefined ? rootOwner(principal.accountId) : userOwner(user);
}
