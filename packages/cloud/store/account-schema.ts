// Owns the tables of accounts, users and access keys as types.

import type { AccountId } from '@ironbark/core/ids.ts';

export type Flag = 0 | 1;

/** AWS's form of a user's unique id. */
export type UserId = `AIDA${string}`;

export interface AccountTable {
  id: AccountId;
  createdAt: number;
  /** What administrators call it. */
  name: string;
}

export interface UserTable {
  id: UserId;
  accountId: AccountId;
  name: string;
  path: string;
  arn: string;
  createdAt: number;
  /** Of a policy. */
  boundaryArn: string | null;
}

export interface AccessKeyTable {
  id: string;
  accountId: AccountId;
  secret: string;
  arn: string;
  /** {@link UserId}, or the account's id for its root. */
  userId: string;
  isRoot: Flag;
  status: 'active' | 'inactive';
  createdAt: number;
}
