import assert from 'node:assert/strict';
import { test } from 'node:test';
import { systemClock } from '@ironbark/platform/clock.ts';
import { sendSigned, startEndpoint } from '../testing/endpoint-fixture.ts';
import { RequestBuckets } from './request-buckets.ts';

const RATES = { reading: { burst: 3, perSecond: 2 }, changing: { burst: 1, perSecond: 0.5 } };
const READ = { accountId: '1', service: 'ec2', action: 'DescribeVolumes' };
const WRITE = { accountId: '1', service: 'ec2', action: 'CreateVolume' };

function open() {
  let nowMs = 0;
  const clock = { ...systemClock, monotonicMs: () => nowMs };
  const buckets = new RequestBuckets({ clock, rates: RATES });
  const count = (call: typeof READ) => {
    for (let taken = 0; ; taken++) {
      try {
        buckets.take(call);
      } catch (error) {
        assert.equal((error as { kind?: string }).kind, 'throttled');
        return taken;
      }
    }
  };
  return {
    count,
    pass: (ms: number) => {
      nowMs += ms;
    },
  };
}

test('a bucket has its burst, then what has flowed in, and never more than its burst', () => {
  const { count, pass } = open();
  assert.equal(count(READ), 3);
  assert.equal(count(READ), 0);
  pass(500);
  assert.equal(count(READ), 1);
  pass(60 * 60_000);
  assert.equal(count(READ), 3);
  assert.equal(count(WRITE), 1);
  pass(1_000);
  assert.equal(count(WRITE), 0);
  pass(1_000);
  assert.equal(count(WRITE), 1);
});

test('accounts, actions and services take nothing from each other', () => {
  const { count } = open();
  assert.equal(count(READ), 3);
  assert.equal(count({ ...READ, accountId: '2' }), 3);
  assert.equal(count({ ...READ, action: 'DescribeVpcs' }), 3);
  assert.equal(count({ ...READ, service: 'iam' }), 3);
});

test('who calls too often is told so in EC2’s words, and reaches no action', async () => {
  await using endpoint = await startEndpoint({
    reading: { burst: 1, perSecond: 0.001 },
    changing: { burst: 1, perSecond: 0.001 },
  });
  const call = (action: string) =>
    sendSigned(endpoint, { body: `Action=${action}&Version=2016-11-15` });
  assert.equal((await call('DescribeInstances')).status, 200);
  const { status, code } = await call('DescribeInstances');
  assert.deepEqual([status, code], [503, 'RequestLimitExceeded']);
  assert.equal(endpoint.seen.length, 1);
});
