// Owns the table of causes: by what each shows itself, how it is said, and which setting changes it. The first that fits
// is named, so what hides others stands before them. Sources: the paper's section 4, and docs/benchmarks.md.

import { LINUX_READ_AHEAD_BYTES } from '@ironbark/core/io-profile.ts';
import type { Observation } from './observation.ts';

export type CauseName =
  | 'limit'
  | 'starved-guest'
  | 'busy-server'
  | 'small-frames'
  | 'guest-initiator'
  | 'sparse-file'
  | 'write-through'
  | 'emulated-bus'
  | 'single-queue'
  | 'short-read-ahead'
  | 'small-requests'
  | 'one-at-a-time'
  | 'late-requests'
  | 'wire'
  | 'disk';

export interface Cause {
  name: CauseName;
  layer: 'guest' | 'driver' | 'vmm' | 'host' | 'network' | 'disk';
  /** Whether what was measured looks like this one. */
  fits(observation: Observation): boolean;
  /** With the numbers that show it; a whole sentence. */
  say(observation: Observation): string;
  /** What changes it; a whole sentence. */
  remedy: string;
}

/** A rate that a limit holds is within a few percent of it. */
const AT_LIMIT = 0.93;
/** Of a whole transfer that is written through the guest's page cache: until that is sent there is nothing to limit. */
const AT_LIMIT_FROM_START = 0.85;
/** Less than this is idle: a disk with work to do is busy. */
const BUSY = 0.9;
/** No request waits while one is served. */
const NO_QUEUE = 1.3;
/** A processor that has nothing left to give. */
const SATURATED = 0.9;
/** Of the time, and of what is lost of it, in which a guest is kept from running. */
const MUCH_WAITING = 0.5;
const MOST_OF_A_GAP = 0.6;
/** Below, a request costs a disk more than its bytes do. */
const SMALL_SECTORS = 160;
/** Bytes of the disk for each of the guest's: more is metadata, or what was read for nothing. */
const MUCH_MORE = 1.1;
const JUMBO_MTU = 9_000;
const SECTOR_BYTES = 512;
/** Linux reads the next stretch ahead while one is used. */
const WINDOWS = 2;

const EMULATED: readonly unknown[] = ['lsi53c895a', 'ide'];

export const CAUSES: readonly Cause[] = [
  {
    name: 'limit',
    layer: 'disk',
    fits: (observation) => {
      const { limit, guestRate, seen } = observation;
      if (limit === undefined) return false;
      const share = atLimit(observation);
      const requests = requestRate(guestRate, seen.requestSectors);
      return guestRate >= share * limit.bytesPerSecond || requests >= share * limit.iops;
    },
    say: ({ limit, guestRate, seen }) =>
      guestRate >= AT_LIMIT_FROM_START * limit!.bytesPerSecond
        ? `The volume moves ${megabytes(guestRate)} of the ${megabytes(limit!.bytesPerSecond)} that its type and settings allow.`
        : `The volume does ${requestRate(guestRate, seen.requestSectors).toFixed(0)} of the ${limit!.iops.toFixed(0)} requests of this size a second that its type and settings allow.`,
    remedy: 'ModifyVolume raises the limit while the guest runs.',
  },
  {
    name: 'starved-guest',
    layer: 'guest',
    fits: (observation) =>
      (observation.processor?.guest ?? 0) >= SATURATED || isKeptFromRunning(observation),
    say: (observation) => {
      const { processor, seen } = observation;
      const idle = `the disk was idle ${percent(1 - seen.utilisation)} of the time`;
      return isKeptFromRunning(observation)
        ? `For ${percent(processor!.waiting!)} of the time the guest could have run and others had the host's processors, while ${idle}.`
        : `The guest's processors were ${percent(processor!.guest!)} busy while ${idle}: it has no time to ask for more.`;
    },
    remedy: 'A larger instance type, or fewer guests on this host; without KVM, a host with it.',
  },
  {
    name: 'single-queue',
    layer: 'driver',
    fits: ({ setting, processor }) =>
      setting.queues === 1 && (setting.vcpus ?? 1) > 1 && (processor?.serving ?? 0) >= SATURATED,
    say: ({ setting, processor }) =>
      `All ${setting.vcpus} processors of the guest send through one queue, and the thread that serves it is ${percent(processor!.serving!)} busy.`,
    remedy: 'The default profile has a queue for each processor.',
  },
  {
    name: 'busy-server',
    layer: 'vmm',
    fits: ({ processor }) => (processor?.serving ?? 0) >= SATURATED,
    say: ({ processor }) =>
      `The thread that serves the guest's requests is ${percent(processor!.serving!)} busy.`,
    remedy: 'io_uring costs least per request; larger requests cost less per byte.',
  },
  {
    name: 'small-frames',
    layer: 'network',
    fits: ({ network, setting, guestRate }) =>
      network !== undefined &&
      setting.attachMode === 'guest' &&
      network.mtu < JUMBO_MTU &&
      guestRate < AT_LIMIT * network.rate,
    say: ({ network, guestRate }) =>
      `Frames of ${network!.mtu} bytes hold ${Math.floor((network!.mtu - 36) / 512)} sectors each: the guest handles ${(guestRate / (network!.mtu - 36)).toFixed(0)} of them a second.`,
    remedy: `An MTU of ${JUMBO_MTU} on the guest's interface and the bridge: 17 sectors a frame.`,
  },
  {
    name: 'wire',
    layer: 'network',
    fits: ({ network, guestRate }) => network !== undefined && guestRate >= AT_LIMIT * network.rate,
    say: ({ network, guestRate }) =>
      `The network carries ${megabytes(guestRate)} of the ${megabytes(network!.rate)} that it can.`,
    remedy: 'A faster network, or a volume on the same host.',
  },
  {
    name: 'guest-initiator',
    layer: 'guest',
    fits: ({ setting, seen }) => setting.attachMode === 'guest' && seen.utilisation < BUSY,
    say: ({ seen }) =>
      `The disk was idle ${percent(1 - seen.utilisation)} of the time: each request goes through the guest's own network driver and back, ${seen.queueDepth.toFixed(1)} at a time.`,
    remedy: 'A volume that the host attaches; inside the guest, several connections.',
  },
  {
    name: 'sparse-file',
    layer: 'host',
    fits: (observation) =>
      observation.direction === 'write' &&
      observation.setting.store === 'sparse-file' &&
      isBusy(observation),
    say: ({ seen, amplification }) =>
      `The file behind the disk grows as it is written: ${shape(seen)}${amplification === undefined ? '' : `, ${amplification.toFixed(2)} bytes to the disk for each of the guest's`}.`,
    remedy:
      'A preallocated file, a whole disk or a volume; Ironbark allocates volumes when they are made.',
  },
  {
    name: 'write-through',
    layer: 'vmm',
    fits: ({ direction, setting, seen, amplification }) =>
      direction === 'write' &&
      setting.cache === 'writethrough' &&
      (seen.requestSectors < SMALL_SECTORS || (amplification ?? 1) > MUCH_MORE),
    say: ({ seen, amplification }) =>
      `Every write is waited for and followed by its metadata: ${shape(seen)}${amplification === undefined ? '' : `, ${amplification.toFixed(2)} bytes to the disk for each of the guest's`}.`,
    remedy: 'cache=direct: the guest has a write cache and says itself what has to be on the disk.',
  },
  {
    name: 'emulated-bus',
    layer: 'driver',
    fits: ({ setting, seen }) => EMULATED.includes(setting.bus) && !isFull(seen),
    say: ({ setting, seen }) =>
      `The guest's driver is for an emulated ${busName(setting.bus)}, which takes one request at a time: ${shape(seen)}.`,
    remedy: 'virtio-blk: requests of 1 MiB, many at a time.',
  },
  {
    name: 'small-requests',
    layer: 'vmm',
    fits: (observation) => isBusy(observation) && observation.seen.requestSectors < SMALL_SECTORS,
    say: ({ seen }) =>
      `The disk was busy ${percent(seen.utilisation)} of the time with small requests, of ${kibibytes(seen.requestSectors)} on average: it cannot be faster with these.`,
    remedy:
      'Larger requests from the program, or read-ahead and a bus that joins neighbours (virtio-blk).',
  },
  {
    name: 'short-read-ahead',
    layer: 'guest',
    fits: ({ direction, setting, seen }) =>
      direction === 'read' &&
      (seen.queueDepth < NO_QUEUE || bytesUnderWay(seen) <= WINDOWS * LINUX_READ_AHEAD_BYTES) &&
      seen.utilisation < BUSY &&
      (setting.readAheadBytes ?? LINUX_READ_AHEAD_BYTES) <= LINUX_READ_AHEAD_BYTES,
    say: ({ seen }) =>
      `The disk was idle ${percent(1 - seen.utilisation)} of the time with ${seen.queueDepth.toFixed(1)} requests queued: the guest ${seen.queueDepth < NO_QUEUE ? 'sends one read at a time and waits for it' : `reads no more than ${kibibytes(bytesUnderWay(seen) / SECTOR_BYTES)} ahead and waits for that`}.`,
    remedy:
      'An optimal I/O size of 2 MiB has the guest read 4 MiB ahead; the default profile sets it.',
  },
  {
    name: 'one-at-a-time',
    layer: 'guest',
    fits: ({ seen, isCached }) =>
      isCached !== true && seen.queueDepth < NO_QUEUE && seen.utilisation < BUSY,
    say: ({ direction, seen }) =>
      `The disk was idle ${percent(1 - seen.utilisation)} of the time with ${seen.queueDepth.toFixed(1)} requests queued: the program sends one ${direction} at a time, past the guest's page cache.`,
    remedy:
      'Several requests at a time (asynchronous I/O); for reads, the read-stream profile has the host read ahead.',
  },
  {
    name: 'late-requests',
    layer: 'guest',
    fits: ({ seen }) => seen.utilisation < BUSY,
    say: ({ direction, seen }) =>
      `The disk was idle ${percent(1 - seen.utilisation)} of the time, though it had ${seen.queueDepth.toFixed(1)} requests at a time on average: the guest ${direction === 'write' ? 'collects writes in its page cache, and sends many of them late' : 'asks for much at a time, and late'}.`,
    remedy:
      'Over a longer transfer it is a smaller part; for writes, a lower vm.dirty_background_bytes in the guest has it begin sooner.',
  },
  {
    name: 'disk',
    layer: 'disk',
    fits: () => true,
    say: ({ seen }) =>
      `The disk itself is what is slow: it was busy ${percent(seen.utilisation)} of the time (${shape(seen)}).`,
    remedy: 'A faster disk, or fewer users of this one.',
  },
];

/** A live volume is looked at in the midst of what it does; where the host's rate is known, it was a whole transfer. */
function atLimit({ direction, hostRate, setting }: Observation): number {
  const isCached = setting.readAheadBytes !== Number.POSITIVE_INFINITY;
  const isFromStart = direction === 'write' && hostRate !== undefined && isCached;
  return isFromStart ? AT_LIMIT_FROM_START : AT_LIMIT;
}

/** Others on the host take more than half of the time, and most of what is lost; a server at its end would hide that. */
function isKeptFromRunning({ processor, guestRate, hostRate }: Observation): boolean {
  const waiting = processor?.waiting ?? 0;
  const gap = hostRate === undefined ? 1 : Math.max(0, 1 - guestRate / hostRate);
  const isServed = (processor?.serving ?? 0) < SATURATED;
  return isServed && waiting >= MUCH_WAITING && waiting >= MOST_OF_A_GAP * gap;
}

function bytesUnderWay({ queueDepth, requestSectors }: Observation['seen']): number {
  return queueDepth * requestSectors * SECTOR_BYTES;
}

/** All of the time, or so little idle that what it does is the question. */
function isBusy({ seen }: Observation): boolean {
  return seen.utilisation >= BUSY - 0.01;
}

/** Large requests, several at a time: whatever the bus is, it is not what holds the disk up. */
function isFull({ utilisation, queueDepth, requestSectors }: Observation['seen']): boolean {
  return utilisation >= BUSY && (queueDepth > NO_QUEUE || requestSectors < SMALL_SECTORS);
}

function requestRate(bytesPerSecond: number, requestSectors: number): number {
  return requestSectors === 0 ? 0 : bytesPerSecond / (requestSectors * SECTOR_BYTES);
}

function shape({ requestSectors, queueDepth, utilisation }: Observation['seen']): string {
  return `requests of ${Math.round(requestSectors)} sectors, ${queueDepth.toFixed(1)} at a time, the disk busy ${percent(utilisation)}`;
}

function busName(bus: Observation['setting']['bus']): string {
  return bus === 'ide' ? 'IDE disk' : 'LSI 53c895a SCSI adapter';
}

function percent(share: number): string {
  return `${Math.round(100 * share)} %`;
}

function megabytes(bytesPerSecond: number): string {
  return `${(bytesPerSecond / 1e6).toFixed(1)} MB/s`;
}

function kibibytes(sectors: number): string {
  return `${(sectors / 2).toFixed(sectors < 20 ? 1 : 0)} KiB`;
}
