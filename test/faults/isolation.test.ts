import assert from 'node:assert/strict';
import { test } from 'node:test';
import { whyNoQemu } from '@ironbark/node/testing/driver-lab.ts';
import { missedInTest } from '../support/figures.ts';
import { isolationSuite } from './isolation/suite.ts';

const isRoot = process.getuid?.() === 0;
const skip =
  (await whyNoQemu()) || (isRoot ? false : 'guests have users of their own only under root');

test('guests and exporters are apart from the host and from each other, seen from outside and from inside', {
  skip,
}, async () => {
  const said: string[] = [];
  const figures = await isolationSuite({
    count: undefined,
    seed: 1,
    only: undefined,
    guests: undefined,
    nodes: undefined,
    minutes: undefined,
    hypervisor: 'qemu',
    explain: (line) => said.push(line),
  });
  const missed = missedInTest(figures).map(({ name, value }) => `${name}: ${value}`);
  assert.deepEqual(missed, [], said.join('\n'));
});
