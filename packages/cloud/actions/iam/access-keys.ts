// Owns the actions on access keys: two of them at most for each user, so that one can replace the other.

import { issueKey, type KeyOwner } from '../../app/access-keys.ts';
import { requireAnotherKey } from '../../app/accounts.ts';
import { changeFor } from '../../app/change.ts';
import { noSuch, shown, tooMany } from '../../app/iam/entities.ts';
import { findKeyOwner } from '../../app/iam/users.ts';
import {
  type AccessKeyRow,
  deleteKey,
  findKey,
  listKeysOf,
  setKeyStatus,
} from '../../store/accounts.ts';
import { findKeyUse } from '../../store/key-uses.ts';
import type { Queries } from '../../store/store.ts';
import type { IamHandlers } from './iam-handler.ts';
import { takeMarked } from './iam-pages.ts';

const MAX_KEYS = 2;
const STATUS = { active: 'Active', inactive: 'Inactive' } as const;

export const ACCESS_KEY_ACTIONS: IamHandlers<
  | 'CreateAccessKey'
  | 'ListAccessKeys'
  | 'UpdateAccessKey'
  | 'DeleteAccessKey'
  | 'GetAccessKeyLastUsed'
> = {
  CreateAccessKey: (app, context, input) =>
    changeFor(app, context, async ({ tx, nowMs }) => {
      const owner = await findKeyOwner(tx, context.principal, input.UserName);
      if ((await listKeysOf(tx, owner.userId)).length >= MAX_KEYS) {
        throw tooMany('AccessKeysPerUser', MAX_KEYS);
      }
      const row = await issueKey(tx, owner, { random: app.random, nowMs });
      return {
        AccessKey: {
          UserName: nameOf(owner),
          AccessKeyId: row.id,
          Status: STATUS[row.status],
          SecretAccessKey: row.secret,
          CreateDate: new Date(nowMs),
        },
      };
    }),
  ListAccessKeys: async (app, { principal }, input) => {
    const db = app.store.query;
    const owner = await findKeyOwner(db, principal, input.UserName);
    const keys = await listKeysOf(db, owner.userId);
    const page = takeMarked(keys, input, { action: 'ListAccessKeys', sortKey: ({ id }) => id });
    const AccessKeyMetadata = page.items.map(({ id, status, createdAt }) => ({
      UserName: nameOf(owner),
      AccessKeyId: id,
      Status: STATUS[status],
      CreateDate: new Date(createdAt),
    }));
    return { AccessKeyMetadata, ...page.markers };
  },
  UpdateAccessKey: (app, context, input) =>
    changeFor(app, context, async ({ tx }) => {
      const owner = await findKeyOwner(tx, context.principal, input.UserName);
      const key = await getKeyOf(tx, owner, input.AccessKeyId);
      const status = input.Status === 'Active' ? 'active' : 'inactive';
      if (status !== 'active') await requireAnotherKey(tx, key);
      await setKeyStatus(tx, key.id, status);
      return {};
    }),
  DeleteAccessKey: (app, context, input) =>
    changeFor(app, context, async ({ tx }) => {
      const owner = await findKeyOwner(tx, context.principal, input.UserName);
      const key = await getKeyOf(tx, owner, input.AccessKeyId);
      await requireAnotherKey(tx, key);
      await deleteKey(tx, key.id);
      return {};
    }),
  GetAccessKeyLastUsed: async (app, { accountId }, { AccessKeyId }) => {
    const key = await findKey(app.store.query, AccessKeyId);
    if (key?.accountId !== accountId) throw noKey(AccessKeyId);
    const use = app.keyUses.find(key.id) ?? (await findKeyUse(app.store.query, key.id));
    const AccessKeyLastUsed = {
      ...(use === undefined ? {} : { LastUsedDate: new Date(use.atMs) }),
      ServiceName: use?.service ?? 'N/A',
      Region: use?.region ?? 'N/A',
    };
    return { UserName: nameOf(key), AccessKeyLastUsed };
  },
};

function nameOf({ arn, isRoot }: KeyOwner): string {
  return isRoot === 1 ? 'root' : arn.slice(arn.lastIndexOf('/') + 1);
}

async function getKeyOf(tx: Queries, owner: KeyOwner, id: string): Promise<AccessKeyRow> {
  const key = await findKey(tx, id);
  if (key?.userId === owner.userId && key.accountId === owner.accountId) return key;
  throw noKey(id);
}

function noKey(id: string): Error {
  return noSuch(`The Access Key with id ${shown(id)} cannot be found.`);
}
