// Owns row 4: a program that reads and waits, on a disk that gives no idle moment back. It is the paper's open problem:
// its guests left the disk idle 43 % of the time.

import { DIRECT } from '@ironbark/core/io-profile.ts';
import { MIB } from '@ironbark/core/units.ts';
import { median } from '@ironbark/lab/run/statistics.ts';
import { renderSeen } from '@ironbark/lab/seen/render-seen.ts';
import {
  type Bench,
  guestSample,
  hostSample,
  inTurn,
  mbps,
  medianRatio,
  middleOf,
  modelOf,
  withProfile,
} from './bench.ts';
import { atLeast, type BlockRow } from './rows.ts';

/** Bars of the design at 108 and at 25 MB/s; at the slow one a request takes long enough to hide latency. */
const BUFFERED_BARS = {
  paper: { ofModel: 0.88, toUntuned: 1.3 },
  slow: { ofModel: 0.9, toUntuned: 1.1 },
} as const;
const UTILISATION_BAR = 0.85;

/** What the guest reads ahead of the end, up to 4 MiB, is to be a small part of it. */
function bytesOf({ quick }: Bench): number {
  return quick ? 64 * MIB : 128 * MIB;
}

export async function measureSynchronousReads(bench: Bench): Promise<BlockRow[]> {
  const transfer = { bytes: bytesOf(bench) };
  await bench.disk.change(modelOf(bench));
  const untuned = { ...DIRECT, optimalIoBytes: 0 };
  const samples = await withProfile(bench, untuned, (path) =>
    inTurn(bench.repeat, {
      host: () => hostSample(bench, 'read', transfer),
      guest: () => guestSample(bench, 'read', transfer),
      untuned: () => guestSample(bench, 'read', { ...transfer, path }),
    }),
  );
  const { host, guest, untuned: without } = samples;
  const bars = BUFFERED_BARS[bench.testbed];
  const modelled = modelOf(bench).readBytesPerSecond / 1e6;
  const hard = { row: '4', isHard: true };
  const name = 'QD1 buffered read';
  const [one, other, third] = [middleOf(guest), middleOf(host), middleOf(without)];
  return [
    atLeast(hard, `${name}, of the disk's rate`, {
      value: median(guest.map(({ rate }) => rate)) / modelled,
      bar: bars.ofModel,
      beside: `guest ${mbps(one.rate)}, ${renderSeen(one.seen)}; the disk ${mbps(modelled)}`,
    }),
    atLeast(hard, `${name}, of the host's dd`, {
      value: medianRatio(guest, host),
      bar: 1,
      beside: `host ${mbps(other.rate)}, ${renderSeen(other.seen)}`,
    }),
    atLeast(hard, `${name}: utilisation`, {
      value: median(guest.map(({ seen }) => seen.utilisation)),
      bar: UTILISATION_BAR,
    }),
    atLeast(hard, `${name}, of the same guest without opt_io_size`, {
      value: medianRatio(guest, without),
      bar: bars.toUntuned,
      beside: `without ${mbps(third.rate)}, ${renderSeen(third.seen)}`,
    }),
  ];
}
