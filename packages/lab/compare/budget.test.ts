import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { RunReport } from '../report/run-report.ts';
import { TESTBEDS } from '../testbeds.ts';
import { checkBudget, makeBudget, parseBudget } from './budget.ts';

const SPREAD = { median: 10, lowest: 9, highest: 11 };

/** A disk's row with this ratio, one without, and a round trip. */
function reportOf(ratio: number, times = 30): RunReport {
  const spread = (median: number) => ({ median, lowest: 0.9 * median, highest: 1.1 * median });
  return {
    ...{ format: 'ironbark-lab/1', startedAt: '2026-01-01T00:00:00Z', tookSeconds: 1 },
    ...{ isInterrupted: false, profile: 'slow', testbed: TESTBEDS.slow, sizeBytes: 1, repeat: 3 },
    environment: {
      ...{ host: 'h', kernel: '6', processors: 2, load: [1, 2] },
      ...{ hypervisor: 'QEMU 7.2', acceleration: 'none' },
    },
    rows: [
      {
        ...{ id: 'disk', vmm: 'emulation', target: 'local-disk', setting: 'virtio-blk' },
        ...{ direction: 'read', workload: 'buffered' },
        spread: { mbps: SPREAD, ratio: spread(ratio) },
      },
      {
        ...{ id: 'xen', vmm: 'xen', target: 'local-disk', setting: 'XVD' },
        ...{ direction: 'read', workload: 'buffered', reason: 'No Xen.' },
      },
    ],
    network: [
      {
        ...{ id: 'trip', nic: 'e1000', peer: 'host', measure: 'round-trip', streams: 1, mtu: 1500 },
        spread: { value: SPREAD, ratio: spread(times) },
      },
    ],
    bootSeconds: [],
  };
}

const BUDGET = makeBudget(reportOf(0.8), 0.05);

test('a budget allows what the worst round of its run had, and a little below', () => {
  // 0.8 x 0.9 x 0.95, and 30 x 1.1 x 1.05 for what is a time.
  assert.deepEqual(BUDGET.ratios, { disk: { atLeast: 0.684 }, trip: { atMost: 34.65 } });
  assert.deepEqual(parseBudget(JSON.stringify(BUDGET)), BUDGET);
  assert.equal(checkBudget(BUDGET, reportOf(0.8)).isMet, true);
});

test('a ratio that fell is named, alone', () => {
  const { isMet, lines } = checkBudget(BUDGET, reportOf(0.6));
  assert.equal(isMet, false);
  const fallen = lines.filter((line) => !line.isMet);
  assert.deepEqual(
    fallen.map(({ id, sentence }) => [id, sentence]),
    [['disk', 'The ratio to the host is 0.600; it has to be at least 0.684.']],
  );
  assert.equal(checkBudget(BUDGET, reportOf(0.8, 50)).lines[1]!.isMet, false);
});

test('what the run did not measure is not met, whatever the reason', () => {
  const bound = { atLeast: 0 };
  const budget = { ...BUDGET, ratios: { xen: bound, gone: bound } };
  const { isMet, lines } = checkBudget(budget, reportOf(1));
  assert.equal(isMet, false);
  assert.match(lines[0]!.sentence, /not measured: No Xen\./);
  assert.match(lines[1]!.sentence, /no ratio of this row/);
});

test('a run on another profile is not held against it', () => {
  const other = { ...reportOf(1), profile: 'paper' };
  assert.throws(() => checkBudget(BUDGET, other), /for the profile slow, and the run was on paper/);
});

test('what is no budget is refused, one that would hold of nothing too', () => {
  const refuses = (change: object, expected: RegExp) =>
    assert.throws(() => parseBudget(JSON.stringify({ ...BUDGET, ...change })), expected);
  refuses({ ratios: {} }, /1 to 10000 rows/);
  refuses({ ratios: { a: {} } }, /ratios\["a"\] has to have atLeast or atMost/);
  refuses({ ratios: { a: { atLeast: '1' } } }, /ratios\["a"\]/);
  refuses({ ratios: { a: { least: 1 } } }, /ratios\["a"\]/);
  refuses({ rows: 1 }, /rows is not known/);
  refuses({ format: 'ironbark-lab/1' }, /no budget/);
});
