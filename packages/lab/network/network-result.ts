// Owns a row of the network matrix as it is reported: what was measured or why not, beside the same path without a guest.

import type { Explanation } from '../explain/explain.ts';
import { explainNetwork } from '../explain/explain-network.ts';
import { meanOf, median, type Spread, spreadOf } from '../run/statistics.ts';
import type { HostWork } from '../seen/host-work.ts';
import type { PacketFigures } from './interface-counters.ts';
import type { NetworkNic, NetworkRow, PaperNetworkValues } from './network-rows.ts';

export interface NetworkSample {
  /** Of what arrived; absent for round trips. */
  megabitsPerSecond?: number;
  roundTrip?: RoundTrips;
  packets: PacketFigures;
  /** Share of its time in which the guest's busiest processor, or the thread that carries its packets, had no more to give. */
  processor?: { guest: number; serving: number };
  /** What the whole host did meanwhile. */
  work?: HostWork;
}

export interface RoundTrips {
  perSecond: number;
  meanUs: number;
  medianUs: number;
  /** Of 99 in 100. */
  p99Us: number;
}

/** A sample, and the same path without a guest in the same round: before it, and after it where it was measured then too. */
export interface NetworkTaken {
  sample: NetworkSample;
  bases?: readonly NetworkSample[];
}

export interface NetworkResult extends Partial<NetworkSample> {
  id: string;
  nic: NetworkNic;
  peer: NetworkRow['peer'];
  measure: NetworkRow['measure'];
  streams: number;
  mtu: number;
  mark?: NonNullable<NetworkRow['mark']>;
  paper?: PaperNetworkValues;
  /** Of the same path from a name space of the host; of round trips, how many times as long one takes. */
  ratio?: number;
  spread?: { value: Spread; ratio?: Spread };
  samples?: number;
  /** All of them, in their order: megabits a second, or microseconds; of the path without a guest before and after. */
  rounds?: { value: number; bases: number[] }[];
  explanation?: Explanation;
  /** Why there are no figures. */
  reason?: string;
}

export interface NetworkSurroundings {
  /** Of the wire. */
  mtu: number;
  wireBitsPerSecond: number | undefined;
  vcpus: number;
  queues: number;
  isEmulated: boolean;
}

export function describeNetworkRow(row: NetworkRow, { mtu }: NetworkSurroundings): NetworkResult {
  const { id, nic, peer, measure, streams, mark, paper } = row;
  return {
    ...{ id, nic, peer, measure, streams, mtu: row.mtu ?? mtu },
    ...(mark === undefined ? {} : { mark }),
    ...(paper === undefined ? {} : { paper }),
  };
}

export function networkResultOf(
  row: NetworkRow,
  taken: readonly NetworkTaken[],
  surroundings: NetworkSurroundings,
): NetworkResult {
  const sorted = taken.toSorted((a, b) => figureOf(a.sample) - figureOf(b.sample));
  const middle = sorted[sorted.length >> 1]!;
  const ratios = networkRatiosOf(taken);
  const ratio = ratios.length === 0 ? undefined : spreadOf(ratios);
  const described = describeNetworkRow(row, surroundings);
  const explanation = explanationOf(row, taken, surroundings, middle.sample);
  return {
    ...described,
    ...middle.sample,
    ...(ratio === undefined ? {} : { ratio: ratio.median }),
    spread: {
      value: spreadOf(taken.map(({ sample }) => figureOf(sample))),
      ...(ratio === undefined ? {} : { ratio }),
    },
    samples: taken.length,
    rounds: taken.map(({ sample, bases = [] }) => ({
      value: figureOf(sample),
      bases: bases.map(figureOf),
    })),
    ...(explanation === undefined ? {} : { explanation }),
  };
}

/** To the same path without a guest in the same round. */
export function networkRatiosOf(taken: readonly NetworkTaken[]): number[] {
  return taken.flatMap(({ sample, bases = [] }) => {
    const base = meanOf(bases.map(figureOf));
    return base === undefined ? [] : [figureOf(sample) / base];
  });
}

/** Megabits a second, or microseconds. */
function figureOf({ megabitsPerSecond, roundTrip }: NetworkSample): number {
  return megabitsPerSecond ?? roundTrip!.medianUs;
}

const MEGA = 1e6;

function explanationOf(
  row: NetworkRow,
  taken: readonly NetworkTaken[],
  surroundings: NetworkSurroundings,
  sample: NetworkSample,
): Explanation | undefined {
  const { nic, peer, measure } = row;
  const bases = taken.flatMap((each) => each.bases ?? []);
  if (nic === 'none' || measure === 'round-trip' || bases.length === 0) return undefined;
  const { wireBitsPerSecond, vcpus, queues, mtu } = surroundings;
  return explainNetwork({
    direction: measure,
    guestRate: sample.megabitsPerSecond! * MEGA,
    hostRate: median(bases.map((base) => base.megabitsPerSecond!)) * MEGA,
    ...(peer === 'host' || wireBitsPerSecond === undefined ? {} : { wireRate: wireBitsPerSecond }),
    packets: sample.packets,
    setting: {
      model: nic === 'e1000' ? 'e1000' : 'virtio-net',
      offloads: nic === 'virtio-net',
      mtu: row.mtu ?? mtu,
      ...{ queues, vcpus, streams: row.streams },
    },
    processor: sample.processor,
  });
}
