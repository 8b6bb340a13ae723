import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { CallSession } from '@ironbark/platform/http/call-session.ts';
import { NodeLink } from './node-link.ts';

test('a node that tells of changes without end is asked once in a second', async () => {
  let nowMs = 0;
  const due = Promise.withResolvers<void>();
  const sleeps: number[] = [];
  const link = new NodeLink('n1', {
    nowMs: () => nowMs,
    monotonicMs: () => nowMs,
    sleep: (ms) => {
      sleeps.push(ms);
      return due.promise;
    },
  });
  let told = 0;
  link.onChange(() => {
    told += 1;
  });
  let change = () => {};
  const session: CallSession = {
    ended: new Promise(() => {}),
    call: async () => undefined,
    watch: (tell) => {
      change = tell;
    },
    [Symbol.dispose]: () => {},
  };
  link.attach(session, undefined);
  assert.equal(told, 1, 'that it is there');
  nowMs += 400;
  for (let time = 0; time < 1_000; time += 1) change();
  assert.deepEqual({ told, sleeps }, { told: 1, sleeps: [600] });
  nowMs += 600;
  due.resolve();
  await Promise.resolve();
  await Promise.resolve();
  assert.equal(told, 2, 'and the last of the changes is not lost');
  nowMs += 1_000;
  change();
  assert.equal(told, 3);
});
