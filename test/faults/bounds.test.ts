// Peers that take without end are refused in time, and others do not notice.

import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { systemClock } from '@ironbark/platform/clock.ts';
import { parseDelete } from '@ironbark/protocol/s3/requests.ts';
import { type Figure, missedInTest } from '../support/figures.ts';
import { HALF_OPEN, measureBounds } from './bounds-suite.ts';

let figures: Figure[];
const said: string[] = [];

before(async () => {
  figures = await measureBounds(HALF_OPEN, (line) => said.push(line));
});

test('A5, A8: peers that take without end are refused, others are served, and nothing is left', () => {
  assert.deepEqual([...missedInTest(figures), ...said], []);
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
