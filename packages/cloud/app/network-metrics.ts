// Owns the metrics of instances' network cards: what is written down of a minute, and what each metric says of it. Pure.
//
// AWS/EC2: EC2 User Guide, "CloudWatch metrics that are available for your instances", network metrics: with detailed
// monitoring a point a minute. Ironbark/EC2: what was moved of what the node's path to its guests can.

import type { AccountId, InstanceId } from '@ironbark/core/ids.ts';
import {
  type NicCounters,
  networkEfficiency,
  subtractNic,
} from '@ironbark/core/network-figures.ts';
import type { Unit } from '@ironbark/protocol/cloudwatch/types.ts';
import type { NetworkReading } from '@ironbark/protocol/internal/node-client.ts';
import type { NetworkMetricRow } from '../store/network-metric-schema.ts';
import { LATEST_READING_MS, MINUTE_MS } from './metric-points.ts';

export const NETWORK_DIMENSION = 'InstanceId';

export interface NetworkMetric {
  namespace: 'AWS/EC2' | 'Ironbark/EC2';
  name: string;
  unit: Unit;
  /** Undefined: there is no such thing in that minute. */
  read(row: NetworkMetricRow): number | undefined;
}

export const NETWORK_METRICS: readonly NetworkMetric[] = [
  ec2('NetworkIn', 'Bytes', ({ inBytes }) => inBytes),
  ec2('NetworkOut', 'Bytes', ({ outBytes }) => outBytes),
  ec2('NetworkPacketsIn', 'Count', ({ inPackets }) => inPackets),
  ec2('NetworkPacketsOut', 'Count', ({ outPackets }) => outPackets),
  {
    namespace: 'Ironbark/EC2',
    name: 'NetworkEfficiency',
    unit: 'Percent',
    read: (row) => {
      const { seconds, pathInRate, pathOutRate } = row;
      if (pathInRate === null || pathOutRate === null) return undefined;
      const path = { inBitsPerSecond: pathInRate, outBitsPerSecond: pathOutRate };
      return 100 * networkEfficiency(row, seconds, path);
    },
  },
];

function ec2(name: string, unit: Unit, read: NetworkMetric['read']): NetworkMetric {
  return { namespace: 'AWS/EC2', name, unit, read };
}

export function findNetworkMetric(namespace: string, name: string): NetworkMetric | undefined {
  return NETWORK_METRICS.find((one) => one.namespace === namespace && one.name === name);
}

export interface NetworkSample {
  /** The full minute at which it was taken. */
  minute: number;
  /** Whose each instance is. */
  owners: ReadonlyMap<InstanceId, AccountId>;
  readings: readonly NetworkReading[];
}

/** The rows of the minute between the two, which have to be of minutes that follow each other. What was not read is a gap. */
export function planNetworkPoints(
  before: NetworkSample | undefined,
  after: NetworkSample,
): NetworkMetricRow[] {
  if (before?.minute !== after.minute - MINUTE_MS) return [];
  const past = new Map(before.readings.map((one) => [keyOf(one), one]));
  const deltas = after.readings.map((reading) => deltaOf(past.get(keyOf(reading)), reading));
  return [...Map.groupBy(deltas, ({ instanceId }) => instanceId)].flatMap(([instanceId, cards]) => {
    const accountId = after.owners.get(instanceId);
    const counted = cards.flatMap(({ counters }) => counters ?? []);
    if (accountId === undefined || counted.length < cards.length) return [];
    const sum = (name: keyof NicCounters) => counted.reduce((all, each) => all + each[name], 0);
    const { seconds, path } = cards[0]!;
    return [
      {
        ...{ accountId, instanceId, minute: before.minute, seconds },
        ...{ inBytes: sum('inBytes'), outBytes: sum('outBytes') },
        ...{ inPackets: sum('inPackets'), outPackets: sum('outPackets') },
        ...{
          pathInRate: path?.inBitsPerSecond ?? null,
          pathOutRate: path?.outBitsPerSecond ?? null,
        },
      },
    ];
  });
}

function keyOf({ interfaceId, instanceId, countedSince }: NetworkReading): string {
  return `${interfaceId} ${instanceId} ${countedSince}`;
}

function deltaOf(before: NetworkReading | undefined, after: NetworkReading) {
  const { instanceId, path } = after;
  const seconds = (after.readAtMs - (before?.readAtMs ?? after.readAtMs)) / 1_000;
  const isMinute = Math.abs(seconds * 1_000 - MINUTE_MS) <= LATEST_READING_MS;
  const counters =
    before !== undefined && isMinute ? subtractNic(after.counters, before.counters) : undefined;
  return { instanceId, seconds, path, counters };
}
