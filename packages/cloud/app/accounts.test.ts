import assert from 'node:assert/strict';
import { test } from 'node:test';
import { seededRandom } from '@ironbark/platform/random.ts';
import { listAllSubnets } from '../store/networks.ts';
import { openStore, type Store } from '../store/store.ts';
import { type AccountAdmin, createAccountAdmin } from './accounts.ts';
import { ensureAccount } from './bootstrap.ts';
import { createIdentity } from './identity.ts';

async function open(vpcCidr = '172.31.0.0/16'): Promise<{ store: Store; admin: AccountAdmin }> {
  const store = await openStore(':memory:');
  const options = { random: seededRandom(7), zone: 'z', vpcCidr, store };
  await ensureAccount(store, { ...options, nowMs: 1 });
  return { store, admin: createAccountAdmin({ ...options, clock: { nowMs: () => 1 } }) };
}

test('an account has a root key and a network of its own', async () => {
  const { store, admin } = await open();
  await using _ = store;
  const key = await admin.addAccount({ name: 'research' });
  const record = await createIdentity(store).findAccessKey(key.accessKeyId);
  assert.equal(record!.secretAccessKey, key.secretAccessKey);
  const { accountId } = key;
  const arn = `arn:aws:iam::${accountId}:root`;
  assert.deepEqual(record!.principal, { accountId, arn, userId: accountId, isRoot: true });
  const subnets = await listAllSubnets(store.query);
  assert.deepEqual(
    subnets.map((one) => [one.accountId === accountId, one.cidr, one.vpcCidr]),
    [
      [false, '172.31.0.0/20', '172.31.0.0/16'],
      [true, '172.31.16.0/20', '172.31.0.0/16'],
    ],
  );
  assert.deepEqual(
    (await admin.listAccounts()).map((one) => one.account),
    ['main', 'research'],
  );
});

test('a user has a key that is not root', async () => {
  const { store, admin } = await open();
  await using _ = store;
  const { accountId } = await admin.addAccount({ name: 'research' });
  const key = await admin.addUser({ account: accountId, name: 'alice' });
  const { principal } = (await createIdentity(store).findAccessKey(key.accessKeyId))!;
  assert.equal(principal.isRoot, false);
  assert.equal(principal.arn, `arn:aws:iam::${accountId}:user/alice`);
  assert.match(principal.userId, /^AIDA[A-Z2-7]{17}$/);
});

test('a key that was deactivated or removed is unknown at once, and its secret is never listed', async () => {
  const { store, admin } = await open();
  await using _ = store;
  const identity = createIdentity(store);
  const user = await admin.addUser({ account: 'main', name: 'alice' });
  const second = await admin.addKey({ account: 'main', user: 'alice' });
  await admin.setKeyStatus({ key: user.accessKeyId, status: 'inactive' });
  assert.equal(await identity.findAccessKey(user.accessKeyId), undefined);
  await admin.setKeyStatus({ key: user.accessKeyId, status: 'active' });
  assert.notEqual(await identity.findAccessKey(user.accessKeyId), undefined);
  await admin.removeKey({ key: user.accessKeyId });
  assert.equal(await identity.findAccessKey(user.accessKeyId), undefined);
  assert.equal(JSON.stringify(await admin.listKeys()).includes(second.secretAccessKey), false);
  await admin.removeUser({ account: 'main', name: 'alice' });
  assert.equal(await identity.findAccessKey(second.accessKeyId), undefined);
  assert.deepEqual(await admin.listUsers(), []);
});

test('the last key that ironbark itself uses stays until there is another one', async () => {
  const { store, admin } = await open();
  await using _ = store;
  const [{ accessKeyId: key } = { accessKeyId: '' }] = await admin.listKeys();
  await assert.rejects(admin.removeKey({ key }), { kind: 'operation-not-permitted' });
  await assert.rejects(admin.setKeyStatus({ key, status: 'inactive' }), /ironbark key add/);
  await admin.addKey({ account: 'main' });
  await admin.removeKey({ key });
});

test('bad names, second ones of a name, unknown ones and too many are refused', async () => {
  const { store, admin } = await open('10.0.0.0/19');
  await using _ = store;
  const bad = { kind: 'invalid-parameter' };
  for (const name of ['', 'A', '1a', 'a b', '../x', 'a'.repeat(64), 'a\n', '123456789012']) {
    await assert.rejects(admin.addAccount({ name }), bad, name);
  }
  for (const name of ['', 'a b', 'a/b', 'a:b', 'a'.repeat(65), 'a\n']) {
    await assert.rejects(admin.addUser({ account: 'main', name }), bad, name);
  }
  await admin.addAccount({ name: 'research' });
  await assert.rejects(admin.addAccount({ name: 'research' }), { kind: 'duplicate' });
  await assert.rejects(admin.addAccount({ name: 'third' }), /can hold 2 accounts/);
  assert.equal((await admin.listAccounts()).length, 2);
  await admin.addUser({ account: 'main', name: 'alice' });
  await assert.rejects(admin.addUser({ account: 'main', name: 'Alice' }), { kind: 'duplicate' });
  await assert.rejects(admin.addUser({ account: 'x', name: 'a' }), /there are: main, research/);
  await admin.addKey({ account: 'main', user: 'alice' });
  const third = admin.addKey({ account: 'main', user: 'alice' });
  await assert.rejects(third, { kind: 'limit-exceeded' });
  await assert.rejects(admin.removeKey({ key: 'AKIANOBODY' }), { kind: 'not-found' });
  await assert.rejects(admin.setKeyStatus({ key: 'x', status: 'root' as 'active' }), bad);
});
