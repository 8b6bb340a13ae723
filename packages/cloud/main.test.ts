// Owns the tests of the first start, of identity, and of what is forgotten with time.

import assert from 'node:assert/strict';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { isServiceError } from '@ironbark/core/errors.ts';
import { type Clock, systemClock } from '@ironbark/platform/clock.ts';
import { TestCloud } from './testing/test-cloud.ts';

/** A clock whose wall time can be set forward; sleeps take their real time. */
function shiftableClock(): Clock & { forward(ms: number): void } {
  let shift = 0;
  return {
    ...systemClock,
    nowMs: () => systemClock.nowMs() + shift,
    forward: (ms) => {
      shift += ms;
    },
  };
}

test('the first start makes an account with a key of its own, later starts keep it', async () => {
  await using t = await TestCloud.start({ seed: 7 });
  const key = await t.cloud.adminKey();
  assert.match(key.accessKeyId, /^AKIA[A-Z2-7]{16}$/);
  assert.match(key.secretAccessKey, /^[A-Za-z0-9+/]{40}$/);
  assert.match(key.principal.accountId, /^[1-9]\d{11}$/);
  assert.equal(key.principal.arn, `arn:aws:iam::${key.principal.accountId}:root`);
  const vpc = (await t.call('DescribeVpcs', {})).Vpcs![0]!.VpcId;
  assert.equal((await stat(join(t.dataDir, 'cloud.db'))).mode & 0o777, 0o600);
  await t.restart();
  assert.deepEqual(await t.cloud.adminKey(), key);
  assert.equal((await t.call('DescribeVpcs', {})).Vpcs![0]!.VpcId, vpc);
  assert.deepEqual(await t.cloud.identity.findAccessKey(key.accessKeyId), key);
  assert.equal(await t.cloud.identity.findAccessKey('AKIAAAAAAAAAAAAAAAAA'), undefined);
  await using other = await TestCloud.start({ seed: 8 });
  assert.notEqual((await other.cloud.adminKey()).secretAccessKey, key.secretAccessKey);
});

test('STS says whose key signed', async () => {
  await using t = await TestCloud.start();
  const { principal } = await t.cloud.adminKey();
  const { accountId } = principal;
  const context = { requestId: 'r', principal, accountId, region: 'us-east-1', dryRun: false };
  assert.deepEqual(await t.cloud.sts.call('GetCallerIdentity', context, {}), {
    Account: accountId,
    Arn: principal.arn,
    UserId: accountId,
  });
  await assert.rejects(t.cloud.sts.call('AssumeRoot', context, {}), (error) =>
    isServiceError(error, 'unsupported'),
  );
});

test('a terminated instance is listed for an hour, its client token holds for a day', async () => {
  const clock = shiftableClock();
  await using t = await TestCloud.start({ clock });
  const image = await t.registerImage();
  const [id] = await t.launch(image, { ClientToken: 'once' });
  await t.settleState(id!, 'running');
  await t.call('TerminateInstances', { InstanceIds: [id!] });
  await t.settle('forgotten', () => t.cluster.listIds().length === 0);
  clock.forward(59 * 60_000);
  await t.restart();
  await t.settle('rest');
  assert.equal((await t.describe(id!)).State?.Name, 'terminated');
  clock.forward(2 * 60_000);
  await t.restart();
  await t.settle('rest');
  await assert.rejects(t.describe(id!), (error) => isServiceError(error, 'not-found'));
  // The retry of a launch long over is answered with what it made, and makes nothing new.
  assert.deepEqual(await t.launch(image, { ClientToken: 'once' }), [id]);
  assert.deepEqual((await t.call('DescribeInstances', {})).Reservations, []);
  clock.forward(24 * 60 * 60_000);
  await t.restart();
  await t.settle('rest');
  assert.notDeepEqual(await t.launch(image, { ClientToken: 'once' }), [id]);
});
