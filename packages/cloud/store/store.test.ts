// Owns the tests of the store against a real database.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { seededRandom } from '@ironbark/platform/random.ts';
import { ensureAccount } from '../app/bootstrap.ts';
import { takeAddress } from '../app/networks.ts';
import { findActiveKey, getRootKey } from './accounts.ts';
import { insertInterface, listUsedAddresses } from './network-interfaces.ts';
import { listSubnets } from './networks.ts';
import type { SubnetRow } from './schema.ts';
import { openStore, type Queries, type Store } from './store.ts';
import { deleteOwnTag, deleteTags, listTagsOf, putTag } from './tags.ts';

const ACCOUNT = '123456789012';

async function openWithAccount(vpcCidr = '172.31.0.0/16'): Promise<Store> {
  const store = await openStore(':memory:');
  const options = { random: seededRandom(1), nowMs: 1, zone: 'z', vpcCidr, accountId: ACCOUNT };
  await ensureAccount(store, options);
  return store;
}

test('an account is made once and is not exchanged for another', async () => {
  await using store = await openWithAccount();
  const options = { random: seededRandom(2), nowMs: 2, zone: 'z', vpcCidr: '172.31.0.0/16' };
  assert.equal(await ensureAccount(store, options), ACCOUNT);
  await assert.rejects(
    ensureAccount(store, { ...options, accountId: '999999999999' }),
    /belongs to account 123456789012/,
  );
  const key = await getRootKey(store.query, ACCOUNT);
  await store.query.updateTable('accessKey').set({ status: 'inactive' }).execute();
  assert.equal(await findActiveKey(store.query, key.id), undefined);
});

async function occupy(tx: Queries, subnet: SubnetRow, index: number): Promise<string> {
  const privateIp = await takeAddress(tx, subnet, undefined);
  const row = {
    id: `eni-${index}`,
    accountId: ACCOUNT,
    instanceId: `i-${index}`,
    vpcId: subnet.vpcId,
    subnetId: subnet.id,
    zone: subnet.zone,
    deviceIndex: 0,
    privateIp,
    macAddress: `mac-${index}`,
    attachmentId: `eni-attach-${index}`,
    description: '',
    createdAt: 0,
  } as const;
  await insertInterface(tx, row, []);
  return privateIp;
}

test('a small subnet gives out every address once, then says that it is full', async () => {
  await using store = await openWithAccount('10.0.0.0/28');
  const [subnet] = await listSubnets(store.query, ACCOUNT);
  const given: string[] = [];
  await store.transaction(async (tx) => {
    for (let index = 0; index < 11; index++) given.push(await occupy(tx, subnet!, index));
  });
  assert.equal(new Set(given).size, 11);
  assert.ok(!given.includes('10.0.0.1') && !given.includes('10.0.0.15'));
  await assert.rejects(
    store.transaction((tx) => occupy(tx, subnet!, 99)),
    /not enough free addresses/,
  );
  // A released address is given out again, and the database itself refuses a second holder.
  await store.query.deleteFrom('networkInterface').where('privateIp', '=', given[3]!).execute();
  assert.equal(await store.transaction((tx) => occupy(tx, subnet!, 50)), given[3]);
  assert.equal((await listUsedAddresses(store.query, subnet!.id)).size, 11);
  const duplicate = store.query
    .updateTable('networkInterface')
    .set({ privateIp: given[0]! })
    .where('privateIp', '=', given[1]!)
    .execute();
  await assert.rejects(duplicate, /UNIQUE/);
});

test('a tag is replaced under its key and removed by key or by value', async () => {
  await using store = await openStore(':memory:');
  const tag = { resourceId: 'vol-1', accountId: ACCOUNT, resourceType: 'volume', key: 'a' };
  await putTag(store.query, { ...tag, value: '1' });
  await putTag(store.query, { ...tag, value: '2' });
  await deleteOwnTag(store.query, tag, { key: 'a', value: '1' });
  assert.deepEqual(
    (await listTagsOf(store.query, 'vol-1')).map((row) => row.value),
    ['2'],
  );
  await deleteTags(store.query, 'vol-1');
  assert.deepEqual(await listTagsOf(store.query, 'vol-1'), []);
});
