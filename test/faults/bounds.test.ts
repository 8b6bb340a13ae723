// Peers that take without end are refused in time, and others do not notice.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { systemClock } from '@ironbark/platform/clock.ts';
import { parseDelete } from '@ironbark/protocol/s3/requests.ts';
import { type BoundsResult, runBounds } from '../support/bounds.ts';
import { CloudUnderTest } from '../support/cloud-under-test.ts';
import { send } from '../support/signed-call.ts';

const HALF_OPEN = 5_000;
let cloud: CloudUnderTest;
let result: BoundsResult;

before(async () => {
  cloud = await CloudUnderTest.start({ hypervisor: 'simulated' });
  const { endpoint, region, ...key } = cloud.credentials;
  const caller = { endpoint, region, key };
  const bucket = 'bounds';
  await send(caller, { service: 's3', method: 'PUT', target: `/${bucket}` });
  result = await runBounds({ caller, bucket, pid: await cloud.daemonPid() }, HALF_OPEN);
});
after(() => cloud?.[Symbol.asyncDispose]());

test('A8: with 5,000 half-open connections and slow peers, 99 of 100 others are served in a second', () => {
  const { failed, asked, p99Ms } = result.bystander;
  assert.deepEqual(failed, []);
  assert.ok(asked > 500, `asked only ${asked} times`);
  assert.ok(p99Ms < 1_000, `${p99Ms} ms`);
});

test('A8: headers, bodies, queries, lists and documents without end are refused, each as it should be', () => {
  assert.deepEqual(result.wrong, []);
});

test('A8: who says nothing, or a byte now and then, is cut off within 25 seconds', () => {
  assert.ok(result.slowestRefusalMs < 25_000, `${result.slowestRefusalMs} ms`);
});

test('A8: nothing is left of them: no open file, no memory', () => {
  assert.ok(result.moreFiles <= 4, `${result.moreFiles} more files`);
  assert.ok(result.moreMemoryMib <= 64, `${result.moreMemoryMib} MiB more`);
});

test('A5: a megabyte of character references is refused within 50 ms', () => {
  const body = Buffer.from(
    `<Delete><Object><Key>${'&#65;'.repeat(200_000)}</Key></Object></Delete>`,
  );
  const timesMs = Array.from({ length: 5 }, () => {
    const startedMs = systemClock.monotonicMs();
    assert.throws(() => parseDelete(body), { kind: 'malformed-input' });
    return systemClock.monotonicMs() - startedMs;
  });
  const best = Math.min(...timesMs);
  assert.ok(best <= 50, `${best} ms`);
});
