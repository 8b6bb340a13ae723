// Owns what follows from the figures of a host: for each of the I/O profile's choices the one that is taken, with the
// numbers that it was taken by, and which known-bad ones this host has. Pure.

import {
  CALIBRATION_FORMAT,
  type CalibrationFinding,
  type DeviceRates,
  type IoCalibration,
  type KnownBad,
} from '@ironbark/core/io-calibration.ts';
import { type AioEngine, DIRECT, PARAVIRTUAL } from '@ironbark/core/io-profile.ts';
import { median } from '../run/statistics.ts';
import { CalibrationError, WORTH_IT } from './choose-engine.ts';
import { BUS, hostProfileOf, READ_AHEADS, VOLUME } from './host-profile.ts';

/** Bytes a second, by candidate; engines: requests a second. */
export interface HostFigures extends DeviceRates {
  engines: {
    measured: Partial<Record<AioEngine, number>>;
    refused: Partial<Record<AioEngine, string>>;
  };
  cache: Record<string, number>;
  allocation: { sparse: number; preallocated: number; written: number };
  /** Of each round, by how far a guest reads ahead. */
  readAhead: Readonly<Record<string, readonly number[]>>;
}

export interface HostNetwork {
  hasVhostNet: boolean;
  /** Of the interface that leads out; absent where none does. */
  outwards?: { name: string; mtu: number };
}

interface Surroundings {
  measuredAt: string;
  processors: number;
  network: HostNetwork;
  /** What guests have measured instead. */
  engine?: CalibrationFinding;
}

/** Throws CalibrationError when no engine could be measured. */
export function calibrationFrom(figures: HostFigures, around: Surroundings): IoCalibration {
  const engine = around.engine ?? engineOf(figures);
  const { readBytesPerSecond, writeBytesPerSecond } = figures;
  const findings = [
    BUS,
    engine,
    cacheOf(figures),
    allocationOf(figures),
    readAheadOf(figures),
    ...processorsOf(around),
    networkOf(around.network),
    VOLUME,
  ];
  const aio = engine.chosen as AioEngine;
  const profile = hostProfileOf(findings, around.network);
  return {
    ...{ format: CALIBRATION_FORMAT, measuredAt: around.measuredAt, measuredBy: 'host', aio },
    ...{ readBytesPerSecond: Math.round(readBytesPerSecond) },
    ...{ writeBytesPerSecond: Math.round(writeBytesPerSecond), reason: engine.reason },
    ...{ profile, findings, warnings: warningsOf(figures, aio, around) },
  };
}

interface Candidates {
  name: CalibrationFinding['name'];
  unit: CalibrationFinding['unit'];
  usual: string;
  measured: Record<string, number>;
  /** Added to the reason; whole sentences. */
  besides?: string;
}

/** The usual one stays unless another is much faster. */
function choose({ name, unit, usual, measured, besides }: Candidates): CalibrationFinding {
  const [best] = Object.entries(measured).toSorted(([, one], [, other]) => other - one);
  const isUsual = best![1] < WORTH_IT * (measured[usual] ?? 0);
  const listed = Object.entries(measured)
    .map(([candidate, value]) => `${candidate} ${Math.round(value)}`)
    .join(', ');
  const stays = isUsual
    ? `${usual} stays unless another is ${Math.round(100 * (WORTH_IT - 1))} % faster.`
    : `${best![0]} is the fastest.`;
  return {
    ...{ name, unit, measured, chosen: isUsual ? usual : best![0], by: 'measurement' },
    reason: [`${unit}: ${listed}; ${stays}`, ...(besides === undefined ? [] : [besides])].join(' '),
  };
}

function engineOf({ engines: { measured, refused } }: HostFigures): CalibrationFinding {
  const said = Object.entries(refused).map(([aio, why]) => `${aio} does not work here (${why}).`);
  if (Object.keys(measured).length === 0) {
    throw new CalibrationError(`no engine could be measured: ${said.join(' ')}`);
  }
  const besides = said.length === 0 ? {} : { besides: said.join(' ') };
  return choose({ name: 'engine', unit: 'requests/s', usual: DIRECT.aio, measured, ...besides });
}

/** No other is taken by itself: a copy in the host's memory costs what no stream of writes shows. */
function cacheOf({ cache }: HostFigures): CalibrationFinding {
  const found = choose({
    ...{ name: 'cache', unit: 'MB/s', usual: DIRECT.cache, measured: megabytes(cache) },
  });
  if (found.chosen === DIRECT.cache) return { ...found, by: 'design' };
  const advice = `${DIRECT.cache} stays the default, since the host’s memory is the guests’; the tag ironbark:io-profile=read-stream gives a disk the host’s page cache.`;
  const reason = `${found.reason} ${advice}`;
  return { ...found, chosen: DIRECT.cache, reason, by: 'design' };
}

/** Volumes are allocated whatever comes out: a disk that is full later is worse than a slow one. */
function allocationOf({ allocation }: HostFigures): CalibrationFinding {
  const measured = megabytes({ ...allocation });
  const listed = Object.entries(measured).map(([name, rate]) => `${name} ${Math.round(rate)}`);
  return {
    ...{ name: 'allocation', unit: 'MB/s', measured, chosen: 'preallocated', by: 'design' },
    reason: `MB/s of first writes: ${listed.join(', ')}. Volumes are allocated when they are made, so that a disk that is full is known then.`,
  };
}

/** Another is taken only where each of its rounds was faster than all of the usual one's: every guest has it for good. */
function readAheadOf({ readAhead }: HostFigures): CalibrationFinding {
  const usual = READ_AHEADS.find(({ optimalIoBytes }) => optimalIoBytes === DIRECT.optimalIoBytes)!;
  const middles = Object.entries(readAhead).map(([name, rates]) => [name, median(rates)] as const);
  const found = choose({
    ...{ name: 'read-ahead', unit: 'MB/s', usual: usual.name },
    measured: megabytes(Object.fromEntries(middles)),
  });
  const [least, most] = [
    Math.min(...(readAhead[found.chosen] ?? [])),
    Math.max(...(readAhead[usual.name] ?? [])),
  ];
  if (found.chosen === usual.name || least > most) return found;
  const doubt = `${usual.name} stays all the same: some of its rounds were as fast.`;
  return { ...found, chosen: usual.name, reason: `${found.reason} ${doubt}` };
}

function processorsOf({ processors }: Surroundings): CalibrationFinding[] {
  const isMeasuredBy = 'Only guests tell: bench and lab run paper measure it.';
  const unmeasured = { measured: {}, unit: 'MB/s', by: 'design' } as const;
  const one =
    processors === 1 ? 'This host has one processor, so there is nothing beside the guest. ' : '';
  return [
    {
      ...unmeasured,
      name: 'iothread',
      chosen: 'one for each disk',
      reason: `${one}${isMeasuredBy}`,
    },
    { ...unmeasured, name: 'queues', chosen: 'one for each processor', reason: isMeasuredBy },
  ];
}

function networkOf({ hasVhostNet, outwards }: HostNetwork): CalibrationFinding {
  const queues = hasVhostNet ? 'a queue for each processor' : 'one queue';
  const wire =
    outwards === undefined
      ? 'no interface leads out of this host'
      : `${outwards.name}, which leads out, has an MTU of ${outwards.mtu}`;
  const why = hasVhostNet
    ? 'The kernel carries packets (vhost-net)'
    : 'QEMU carries packets itself (no vhost-net)';
  return {
    ...{ name: 'network', measured: {}, unit: 'MB/s', by: 'host' },
    chosen: `virtio-net with offloads, ${queues}, MTU 1500`,
    reason: `${why}; ${wire}. lab tune measures the path between guests.`,
  };
}

/** So much slower, and it is worth a word. */
const MUCH_SLOWER = 0.7;
/** Below it a guest has as many processors as a queue serves well. */
const MANY_PROCESSORS = 4;

function warningsOf(
  { allocation, engines }: HostFigures,
  aio: AioEngine,
  { network, processors }: Surroundings,
): KnownBad[] {
  const share = allocation.sparse / allocation.preallocated;
  const found: (KnownBad | false)[] = [
    aio === 'native' && {
      name: 'sparse-with-native-aio',
      sentence: `Linux AIO waits for every block that a sparse file still has to get: it has ${percent(share)} of a preallocated file's first writes here, and root disks are sparse.`,
    },
    aio !== 'native' &&
      share < MUCH_SLOWER && {
        name: 'sparse-file',
        sentence: `First writes to a sparse file get ${percent(share)} of a preallocated one's: images of disks are better not filled by their guests.`,
      },
    engines.measured.io_uring === undefined && {
      name: 'no-io-uring',
      sentence:
        'This host does not let QEMU use io_uring (kernel.io_uring_disabled, or a container’s filter).',
    },
    !network.hasVhostNet &&
      processors >= MANY_PROCESSORS && {
        name: 'single-queue',
        sentence: `Without vhost-net every card has one queue, however many of the ${processors} processors its guest has: modprobe vhost-net.`,
      },
  ];
  return [...found.filter((each) => each !== false), ...narrowWire(network)];
}

function narrowWire({ outwards }: HostNetwork): KnownBad[] {
  if (outwards === undefined || outwards.mtu >= PARAVIRTUAL.mtu) return [];
  const { name, mtu } = outwards;
  const sentence = `Guests' packets have up to ${PARAVIRTUAL.mtu} bytes and ${name}, which leads out, takes ${mtu}: the first large ones of each connection that leaves this host are refused, and sent again smaller.`;
  return [{ name: 'mtu-above-uplink', sentence }];
}

function megabytes(rates: Record<string, number>): Record<string, number> {
  const entries = Object.entries(rates).map(([name, rate]) => [name, rate / 1e6]);
  return Object.fromEntries(entries) as Record<string, number>;
}

function percent(share: number): string {
  return `${Math.round(100 * share)} %`;
}
