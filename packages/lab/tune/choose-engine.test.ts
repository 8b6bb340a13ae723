import assert from 'node:assert/strict';
import { test } from 'node:test';
import { describeRow, type RowResult } from '../run/row-result.ts';
import { calibrationRows } from './candidates.ts';
import { calibrationOf } from './choose-engine.ts';

type Iops = Partial<Record<'io_uring' | 'native' | 'threads', number>>;

function rowsOf(iops: Iops, host: number | undefined = 500): RowResult[] {
  return calibrationRows().map((row) => {
    const described = describeRow(row, 'tcg');
    if (described.vmm === 'none') return { ...described, mbps: host };
    const [, found] = Object.entries(iops).find(([aio]) => row.id.includes(`/${aio}+`)) ?? [];
    return found === undefined
      ? { ...described, reason: 'This host does not let QEMU use it.' }
      : { ...described, iops: found };
  }) as RowResult[];
}

const choose = (iops: Iops) => calibrationOf(rowsOf(iops), '2026-01-01T00:00:00Z').calibration;

test('a calibration measures the device once each way, and every engine both ways', () => {
  const ids = calibrationRows().map(({ id }) => id);
  assert.equal(ids.length, 2 + 3 * 2);
  assert.equal(new Set(ids).size, ids.length);
});

test('the default stays unless another engine is much faster', () => {
  assert.equal(choose({ io_uring: 1_000, native: 1_100, threads: 900 }).aio, 'io_uring');
  assert.equal(choose({ io_uring: 1_000, native: 1_300, threads: 900 }).aio, 'native');
  assert.match(choose({ io_uring: 1_000, native: 900 }).reason, /io_uring 1000, native 900.*stays/);
});

test('an engine that the host does not allow is none, and the rates are the host’s', () => {
  const calibration = choose({ native: 800, threads: 900 });
  assert.deepEqual([calibration.aio, calibration.readBytesPerSecond], ['threads', 500e6]);
  assert.match(calibration.reason, /does not let QEMU use io_uring/);
});

test('what could not be measured is said, and nothing is written down', () => {
  assert.throws(() => choose({}), /no engine could be measured: This host/);
  const without = rowsOf({ io_uring: 1 }).filter(({ vmm }) => vmm !== 'none');
  assert.throws(() => calibrationOf(without, ''), /own disk could not be measured/);
});
