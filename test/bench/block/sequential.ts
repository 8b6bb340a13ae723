// Owns rows 1, 2, 3 and 6: dd in the guest against dd of the host, and the shape of what reaches the disk. Requests
// that are waited for one by one are given a disk whose cache makes up for an idle tenth of a second, so that their
// bandwidth is measured and not their latency; such a disk has no queue that could be seen.

import { MIB } from '@ironbark/core/units.ts';
import { median } from '@ironbark/lab/run/statistics.ts';
import { renderSeen } from '@ironbark/lab/seen/render-seen.ts';
import { withCache } from '@ironbark/lab/testbeds.ts';
import {
  type Bench,
  type Direction,
  guestSample,
  hostSample,
  inTurn,
  mbps,
  medianRatio,
  middleOf,
  modelOf,
  type Sample,
} from './bench.ts';
import { atLeast, atMost, type BlockRow } from './rows.ts';

interface SequentialRow {
  row: string;
  name: string;
  direction: Direction;
  direct: boolean;
  bytes: number;
  bar: number;
}

function sequentialRows({ quick }: Bench): SequentialRow[] {
  const writeBuffered = quick ? { bytes: 256 * MIB, bar: 0.88 } : { bytes: 512 * MIB, bar: 0.95 };
  const short = { bytes: 64 * MIB, bar: 0.95 };
  return [
    { row: '1', name: 'sequential write, direct', direction: 'write', direct: true, ...short },
    {
      row: '2',
      name: 'sequential write, buffered and synced',
      direction: 'write',
      direct: false,
      ...writeBuffered,
    },
    { row: '3', name: 'sequential read, buffered', direction: 'read', direct: false, ...short },
  ];
}

export async function measureSequential(
  bench: Bench,
  isWanted: (row: string) => boolean,
): Promise<BlockRow[]> {
  const model = modelOf(bench);
  const rows: BlockRow[] = [];
  for (const each of sequentialRows(bench)) {
    const shape = isWanted('6') && !each.direct;
    if (!isWanted(each.row) && !shape) continue;
    await bench.disk.change(each.direct ? withCache(model) : model);
    const samples = await inTurn(bench.repeat, {
      host: () => hostSample(bench, each.direction, each),
      guest: () => guestSample(bench, each.direction, each),
    });
    if (isWanted(each.row)) rows.push(rateRow(each, samples));
    if (shape) rows.push(...shapeRows(each, samples.guest));
  }
  await bench.disk.change(model);
  return rows;
}

function rateRow(
  { row, name, bar }: SequentialRow,
  { host, guest }: { host: Sample[]; guest: Sample[] },
): BlockRow {
  const [one, other] = [middleOf(host), middleOf(guest)];
  const beside = `guest ${mbps(other.rate)}, ${renderSeen(other.seen)}; host ${mbps(one.rate)}, ${renderSeen(one.seen)}`;
  return atLeast({ row }, name, { value: medianRatio(guest, host), bar, beside });
}

/** What reaches the disk: large requests, many at a time, and nothing beside the data. */
function shapeRows({ direction, bytes }: SequentialRow, samples: readonly Sample[]): BlockRow[] {
  const hard = { row: '6', isHard: true };
  const of = (pick: (sample: Sample) => number) => median(samples.map(pick));
  const size = of(({ seen }) => seen.requestSectors);
  const name = `buffered ${direction}`;
  const rows = [atLeast(hard, `${name}: request size`, { value: size, bar: 1_000, unit: 'sect' })];
  if (direction === 'read') return rows;
  const depth = of(({ seen }) => seen.queueDepth);
  const amplification = of(({ seen }) => seen.counters.writeBytes / bytes);
  return [
    ...rows,
    atLeast(hard, `${name}: queue depth`, { value: depth, bar: 4, unit: '' }),
    atMost(hard, `${name}: bytes to the disk per byte written`, {
      value: amplification,
      bar: 1.05,
    }),
  ];
}
