// Owns a simulated cloud with two accounts that have one of everything, and a user who may do nothing.

import type { IssuedKey } from '@ironbark/cloud/app/accounts.ts';
import { type AccountResources, makeAccountResources } from './account-resources.ts';
import { CloudUnderTest } from './cloud-under-test.ts';
import type { Caller, Key } from './signed-call.ts';

export interface TwoAccounts extends AsyncDisposable {
  cloud: CloudUnderTest;
  dataDir: string;
  owner: AccountResources;
  other: AccountResources;
  user: Caller & { key: Key };
}

export async function startTwoAccounts(): Promise<TwoAccounts> {
  const cloud = await CloudUnderTest.start({ hypervisor: 'simulated' });
  try {
    const { endpoint, region, ...key } = cloud.credentials;
    const callerOf = (its: Key) => ({ endpoint, region, key: toKey(its) });
    const second = await cloud.json<IssuedKey>('account', 'add', 'second');
    const user = await cloud.json<IssuedKey>('user', 'add', '--account', 'main', 'denied');
    const owner = await makeAccountResources(callerOf(key), 'owners');
    const other = await makeAccountResources(callerOf(second), 'others');
    const { dataDir } = cloud;
    return {
      ...{ cloud, dataDir, owner, other, user: callerOf(user) },
      [Symbol.asyncDispose]: () => cloud[Symbol.asyncDispose](),
    };
  } catch (error) {
    await cloud[Symbol.asyncDispose]();
    throw error;
  }
}

function toKey({ accessKeyId, secretAccessKey }: Key): Key {
  return { accessKeyId, secretAccessKey };
}
