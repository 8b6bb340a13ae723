// Owns the table of causes of a slow network card: by what each shows itself, how it is said, and which setting changes it.
// The first that fits is named. Sources: the paper's section 3.4, and docs/benchmarks.md.

export type NetworkCauseName =
  | 'nic-limit'
  | 'emulated-nic'
  | 'small-frames'
  | 'single-queue'
  | 'busy-server'
  | 'starved-guest'
  | 'waiting-guest';

export interface NetworkObservation {
  direction: 'transmit' | 'receive';
  /** Bits a second, of what arrived. */
  guestRate: number;
  /** Of the same path without a guest. */
  hostRate: number;
  /** Present where the path leaves the host. */
  wireRate?: number;
  /** At the host's end of the card. */
  packets: { packetsPerSecond: number; meanPacketBytes: number };
  setting: NetworkSetting;
  /** Share of its time, 0 to 1, in which each had no more to give. */
  processor?: { guest: number; serving: number } | undefined;
  /** Bits a second that the card may move; absent: nothing holds it back. */
  limit?: number;
}

export interface NetworkSetting {
  model: 'e1000' | 'virtio-net';
  offloads: boolean;
  mtu: number;
  queues: number;
  vcpus: number;
  streams: number;
}

export interface NetworkCause {
  name: NetworkCauseName;
  layer: 'guest' | 'driver' | 'vmm' | 'host' | 'network';
  fits(observation: NetworkObservation): boolean;
  /** With the numbers that show it; a whole sentence. */
  say(observation: NetworkObservation): string;
  /** What changes it; a whole sentence. */
  remedy: string;
}

const AT_LIMIT = 0.93;
const SATURATED = 0.9;
/** A frame's headers, and a little of what else is sent. */
const HEADERS = 100;
const JUMBO_MTU = 9_000;

export const NETWORK_CAUSES: readonly NetworkCause[] = [
  {
    name: 'nic-limit',
    layer: 'host',
    fits: ({ limit, guestRate }) => limit !== undefined && guestRate >= AT_LIMIT * limit,
    say: ({ limit, guestRate }) =>
      `The card moves ${megabits(guestRate)} of the ${megabits(limit!)} that it may.`,
    remedy: 'A larger limit, or none.',
  },
  {
    name: 'emulated-nic',
    layer: 'driver',
    fits: ({ setting }) => setting.model === 'e1000',
    say: (observation) =>
      `The guest's driver is for an emulated e1000, every packet of which costs registers and interrupts: ${shape(observation)}.`,
    remedy: 'virtio-net: packets of up to 64 KiB, and one notice for many of them.',
  },
  {
    name: 'small-frames',
    layer: 'network',
    fits: ({ setting, packets }) =>
      setting.mtu < JUMBO_MTU && packets.meanPacketBytes <= setting.mtu + HEADERS,
    say: (observation) =>
      `Frames of ${observation.setting.mtu} bytes go one by one through the guest and its host: ${shape(observation)}.`,
    remedy: `Segmentation by whoever carries the packets (offloads), or an MTU of ${JUMBO_MTU} on the whole path.`,
  },
  {
    name: 'single-queue',
    layer: 'driver',
    fits: ({ setting, processor }) =>
      setting.queues === 1 && setting.vcpus > 1 && (processor?.serving ?? 0) >= SATURATED,
    say: ({ setting, processor }) =>
      `All ${setting.vcpus} processors of the guest send through one queue, and the thread that serves it is ${percent(processor!.serving)} busy.`,
    remedy: 'A queue for each processor, which needs vhost-net on the host.',
  },
  {
    name: 'busy-server',
    layer: 'vmm',
    fits: ({ processor }) => (processor?.serving ?? 0) >= SATURATED,
    say: ({ processor }) =>
      `The thread that carries the guest's packets is ${percent(processor!.serving)} busy.`,
    remedy: 'vhost-net carries them in the kernel.',
  },
  {
    name: 'starved-guest',
    layer: 'guest',
    fits: ({ processor }) => (processor?.guest ?? 0) >= SATURATED,
    say: (observation) =>
      `A processor of the guest was ${percent(observation.processor!.guest)} busy: it has no time for more (${shape(observation)}).`,
    remedy: 'A larger instance type, or fewer guests on this host; without KVM, a host with it.',
  },
  {
    name: 'waiting-guest',
    layer: 'vmm',
    fits: () => true,
    say: (observation) =>
      `Neither the guest's processors nor the wire had reached an end: packets wait for guest and host to wake each other (${shape(observation)}).`,
    remedy: 'Several streams at a time; vhost-net on the host.',
  },
];

/** Somebody between the program and the host had no more to give. */
export function isSaturated(processor: NetworkObservation['processor']): boolean {
  return Math.max(processor?.guest ?? 0, processor?.serving ?? 0) >= SATURATED;
}

function shape({ packets }: NetworkObservation): string {
  const { packetsPerSecond, meanPacketBytes } = packets;
  return `${Math.round(packetsPerSecond)} packets a second of ${Math.round(meanPacketBytes)} bytes on average`;
}

function percent(share: number): string {
  return `${Math.round(100 * share)} %`;
}

function megabits(bitsPerSecond: number): string {
  return `${Math.round(bitsPerSecond / 1e6)} Mb/s`;
}
