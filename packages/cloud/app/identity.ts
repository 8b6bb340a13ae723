// Owns who a request speaks for: access keys and their principals.

import type {
  AccessKeyRecord,
  IdentityClient,
} from '@ironbark/protocol/internal/identity-client.ts';
import { type AccessKeyRow, findActiveKey } from '../store/accounts.ts';
import type { Store } from '../store/store.ts';

export function createIdentity(store: Store): IdentityClient {
  return {
    findAccessKey: async (id) => {
      const row = await findActiveKey(store.query, id);
      return row === undefined ? undefined : toAccessKey(row);
    },
  };
}

export function toAccessKey(row: AccessKeyRow): AccessKeyRecord {
  const { accountId, arn, userId } = row;
  return {
    accessKeyId: row.id,
    secretAccessKey: row.secret,
    principal: { accountId, arn, userId, isRoot: row.isRoot === 1 },
  };
}
