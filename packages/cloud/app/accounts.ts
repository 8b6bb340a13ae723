// Owns what an administrator does with accounts, users and access keys. A change counts from the next request on:
// every signature is checked against the store.

import type { AccountId } from '@ironbark/core/ids.ts';
import type { AccountTable, UserTable } from '../store/account-schema.ts';
import {
  type AccessKeyRow,
  deleteKey,
  deleteUser,
  findFirstAccount,
  findKey,
  findUser,
  insertAccount,
  insertUser,
  listAccounts,
  listKeys,
  listUsers,
  setKeyStatus,
} from '../store/accounts.ts';
import type { Queries, Store } from '../store/store.ts';
import { issueKey, type KeyOwner, newUserId, rootOwner, userOwner } from './access-keys.ts';
import { newAccountId } from './bootstrap.ts';
import { insertDefaultNetwork, type NetworkOptions } from './default-network.ts';
import { refuse } from './refusals.ts';

/** The whole surface. Accounts are meant by name or by number, users by name. */
export interface AccountAdmin {
  addAccount(request: { name: string }): Promise<IssuedKey>;
  listAccounts(): Promise<AccountSummary[]>;
  addUser(request: { account: string; name: string }): Promise<IssuedKey>;
  /** With all of the user's keys. */
  removeUser(request: { account: string; name: string }): Promise<UserSummary>;
  listUsers(): Promise<UserSummary[]>;
  /** A second key, so that the first can be replaced; for the account's root when no user is named. */
  addKey(request: { account: string; user?: string }): Promise<IssuedKey>;
  listKeys(): Promise<KeySummary[]>;
  setKeyStatus(request: { key: string; status: AccessKeyRow['status'] }): Promise<KeySummary>;
  removeKey(request: { key: string }): Promise<KeySummary>;
}

export interface AccountSummary {
  account: string;
  accountId: AccountId;
}

export interface UserSummary extends AccountSummary {
  user: string;
  arn: string;
}

export interface KeySummary extends AccountSummary {
  accessKeyId: string;
  arn: string;
  status: AccessKeyRow['status'];
  createdAt: string;
}

export interface IssuedKey extends AccountSummary {
  arn: string;
  accessKeyId: string;
  secretAccessKey: string;
}

export interface AccountAdminOptions extends NetworkOptions {
  store: Store;
  clock: { nowMs(): number };
}

/** IAM quotas: users in an account, and keys of a user. */
const MAX_USERS = 5_000;
const MAX_KEYS = 2;

export function createAccountAdmin(options: AccountAdminOptions): AccountAdmin {
  const { store } = options;
  const inside = <Result>(work: (tx: Queries) => Promise<Result>) => store.transaction(work);
  return {
    addAccount: ({ name }) => inside((tx) => addAccount(tx, options, name)),
    listAccounts: async () => (await listAccounts(store.query)).map(toSummary),
    addUser: ({ account, name }) => inside((tx) => addUser(tx, options, { account, name })),
    removeUser: ({ account, name }) => inside((tx) => removeUser(tx, account, name)),
    listUsers: () => inside(describeUsers),
    addKey: ({ account, user }) => inside((tx) => addKey(tx, options, { account, user })),
    listKeys: () => inside(describeKeys),
    setKeyStatus: ({ key, status }) => inside((tx) => changeKey(tx, key, status)),
    removeKey: ({ key }) => inside((tx) => changeKey(tx, key, 'removed')),
  };
}

async function addAccount(
  tx: Queries,
  options: AccountAdminOptions,
  name: string,
): Promise<IssuedKey> {
  if (!/^[a-z][a-z0-9-]{0,62}$/.test(name)) {
    throw badName(name, 'up to 63 lower-case letters, digits and hyphens, a letter first');
  }
  const accounts = await listAccounts(tx);
  if (accounts.some((one) => one.name === name)) throw taken(`The account ${name}`);
  // The first account stays the first, whatever the clock does.
  const createdAt = Math.max(options.clock.nowMs(), accounts.at(-1)!.createdAt + 1);
  const account = { id: newAccountId(options.random), name, createdAt };
  await insertAccount(tx, account);
  await insertDefaultNetwork(tx, account.id, options);
  return issueTo(tx, options, account, rootOwner(account.id));
}

async function addUser(
  tx: Queries,
  options: AccountAdminOptions,
  request: { account: string; name: string },
): Promise<IssuedKey> {
  const { name } = request;
  if (!/^[\w+=,.@-]{1,64}$/.test(name)) {
    throw badName(name, 'up to 64 letters, digits and + = , . @ _ -');
  }
  const account = await getAccount(tx, request.account);
  const users = (await listUsers(tx)).filter((user) => user.accountId === account.id);
  if (users.some((one) => one.name.toLowerCase() === name.toLowerCase())) {
    throw taken(`A user ${name} of account ${account.name}`);
  }
  if (users.length >= MAX_USERS) throw tooMany(`${MAX_USERS} users`);
  const user: UserTable = {
    id: newUserId(options.random),
    accountId: account.id,
    name,
    path: '/',
    arn: `arn:aws:iam::${account.id}:user/${name}`,
    createdAt: options.clock.nowMs(),
    boundaryArn: null,
  };
  await insertUser(tx, user);
  return issueTo(tx, options, account, userOwner(user));
}

async function removeUser(tx: Queries, account: string, name: string): Promise<UserSummary> {
  const owner = await getAccount(tx, account);
  const user = await getUser(tx, owner, name);
  await deleteUser(tx, user);
  return { ...toSummary(owner), user: user.name, arn: user.arn };
}

async function addKey(
  tx: Queries,
  options: AccountAdminOptions,
  { account, user }: { account: string; user: string | undefined },
): Promise<IssuedKey> {
  const owner = await getAccount(tx, account);
  const holder =
    user === undefined ? rootOwner(owner.id) : userOwner(await getUser(tx, owner, user));
  const keys = (await listKeys(tx)).filter((key) => key.arn === holder.arn);
  if (keys.length >= MAX_KEYS) throw tooMany(`${MAX_KEYS} access keys; remove one first`);
  return issueTo(tx, options, owner, holder);
}

async function issueTo(
  tx: Queries,
  options: AccountAdminOptions,
  account: AccountTable,
  owner: KeyOwner,
): Promise<IssuedKey> {
  const { random, clock } = options;
  const { id, secret, arn } = await issueKey(tx, owner, { random, nowMs: clock.nowMs() });
  return { ...toSummary(account), arn, accessKeyId: id, secretAccessKey: secret };
}

async function changeKey(
  tx: Queries,
  id: string,
  status: AccessKeyRow['status'] | 'removed',
): Promise<KeySummary> {
  if (!['active', 'inactive', 'removed'].includes(status)) throw badName(status, 'a status');
  const key = await findKey(tx, id);
  if (key === undefined) throw refuse('not-found', 'access-key', `There is no access key ${id}.`);
  if (status !== 'active') await requireAnotherKey(tx, key);
  if (status === 'removed') await deleteKey(tx, id);
  else await setKeyStatus(tx, id, status);
  const shown = status === 'removed' ? 'inactive' : status;
  return toKeySummary({ ...key, status: shown }, await listAccounts(tx));
}

/** `ironbark` itself uses the first account's root key. */
export async function requireAnotherKey(tx: Queries, key: AccessKeyRow): Promise<void> {
  const first = await findFirstAccount(tx);
  if (key.isRoot === 0 || key.accountId !== first?.id) return;
  const others = (await listKeys(tx)).filter(
    (one) => one.arn === key.arn && one.id !== key.id && one.status === 'active',
  );
  if (others.length > 0) return;
  throw refuse(
    'operation-not-permitted',
    'access-key',
    `${key.id} is the key that ironbark itself uses. Make another one first: ironbark key add --account ${first.name}`,
  );
}

async function describeUsers(tx: Queries): Promise<UserSummary[]> {
  const accounts = await listAccounts(tx);
  return (await listUsers(tx)).map(({ name, accountId, arn }) => ({
    ...toSummary(accounts.find((one) => one.id === accountId)!),
    user: name,
    arn,
  }));
}

async function describeKeys(tx: Queries): Promise<KeySummary[]> {
  const accounts = await listAccounts(tx);
  return (await listKeys(tx)).map((key) => toKeySummary(key, accounts));
}

function toKeySummary(key: AccessKeyRow, accounts: readonly AccountTable[]): KeySummary {
  return {
    ...toSummary(accounts.find((one) => one.id === key.accountId)!),
    accessKeyId: key.id,
    arn: key.arn,
    status: key.status,
    createdAt: new Date(key.createdAt).toISOString(),
  };
}

function toSummary({ id, name }: AccountTable): AccountSummary {
  return { account: name, accountId: id };
}

export async function getAccount(tx: Queries, nameOrId: string): Promise<AccountTable> {
  const accounts = await listAccounts(tx);
  const account = accounts.find((one) => one.name === nameOrId || one.id === nameOrId);
  if (account !== undefined) return account;
  const names = accounts.map((one) => one.name).join(', ');
  throw refuse('not-found', 'account', `There is no account ${nameOrId}; there are: ${names}.`);
}

async function getUser(tx: Queries, account: AccountTable, name: string): Promise<UserTable> {
  const user = await findUser(tx, account.id, name);
  if (user !== undefined) return user;
  throw refuse('not-found', 'user', `Account ${account.name} has no user ${name}.`);
}

function badName(name: unknown, expected: string): Error {
  return refuse('invalid-parameter', 'account', `'${name}' is not a name: ${expected}.`);
}

function taken(what: string): Error {
  return refuse('duplicate', 'account', `${what} exists already.`);
}

function tooMany(what: string): Error {
  return refuse('limit-exceeded', 'account', `There may be at most ${what}.`);
}
