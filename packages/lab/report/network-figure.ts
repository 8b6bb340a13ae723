// Owns the paper's Figure 4 as this run fills it: one stream to the host and to another one, as shares of the wire, so that
// wires of different speeds stand beside each other. Pure.

import type { NetworkResult } from '../network/network-result.ts';
import { PAPER_WIRE_MBITS } from '../network/network-rows.ts';
import type { Bar, BarChart, Scale } from './bars.ts';
import { nicName } from './network-tables.ts';

const PEERS = ['host', 'other-host'] as const;
const MEASURES = ['transmit', 'receive'] as const;
const GROUP_NAMES = {
  'host/transmit': 'To the host (the paper’s driver domain), transmit',
  'host/receive': 'To the host, receive',
  'other-host/transmit': 'To another host (the paper’s front end), transmit',
  'other-host/receive': 'To another host, receive',
} as const;
/** Where the host's own wire has no rate, bars are read against this. */
const USUAL_BITS = 1e9;
/** To the host itself nothing but processors limits the rate: those bars are cut off here. */
const WIRES: Scale = {
  step: 0.25,
  most: 2,
  mark: 1,
  render: (share) => `${Math.round(100 * share)} %`,
};

/** Undefined when no stream was measured. */
export function networkFigureOf(
  rows: readonly NetworkResult[],
  wireBitsPerSecond = USUAL_BITS,
): BarChart | undefined {
  const streams = rows.filter(
    ({ streams: count, measure }) => count === 1 && measure !== 'round-trip',
  );
  const groups = PEERS.flatMap((peer) =>
    MEASURES.map((measure) => ({
      name: GROUP_NAMES[`${peer}/${measure}`],
      bars: streams
        .filter((row) => row.peer === peer && row.measure === measure)
        .map((row) => barOf(row, wireOf(rows, measure) ?? wireBitsPerSecond / 1e6)),
    })),
  ).filter(({ bars }) => bars.length > 0);
  if (groups.length === 0) return undefined;
  return {
    title: 'Network, one stream of TCP (as Figure 4 of the paper)',
    caption:
      'Bars: of what the wire carries without a guest; the paper’s: of its 940 Mb/s. Percent behind them: of the same path without a guest.',
    groups,
    scale: WIRES,
  };
}

/** What it carried in this run; megabits a second. */
function wireOf(
  rows: readonly NetworkResult[],
  measure: NetworkResult['measure'],
): number | undefined {
  return rows.find(
    (row) =>
      row.nic === 'none' &&
      row.peer === 'other-host' &&
      row.measure === measure &&
      row.streams === 1,
  )?.spread?.value.median;
}

function barOf(row: NetworkResult, wire: number): Bar {
  const { ratio, spread, paper } = row;
  const rate = spread?.value.median;
  const share = ratio === undefined ? '' : `, ${Math.round(100 * ratio)} %`;
  return {
    label: nicName(row),
    value: rate === undefined ? undefined : rate / wire,
    beside: rate === undefined ? 'not measured here' : `${rate.toFixed(0)} Mb/s${share}`,
    ...(spread === undefined
      ? {}
      : { lowest: spread.value.lowest / wire, highest: spread.value.highest / wire }),
    ...(paper === undefined
      ? {}
      : {
          paper: paper.megabitsPerSecond / PAPER_WIRE_MBITS,
          besidePaper: `${paper.isAtMost ? 'at most ' : ''}${paper.megabitsPerSecond.toFixed(0)} Mb/s`,
        }),
  };
}
