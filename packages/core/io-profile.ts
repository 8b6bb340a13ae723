// Owns IoProfile: the named, versioned set of I/O choices that a disk or NIC runs with.

/** `none`: the hypervisor plugs nothing. */
export type DiskBus = 'none' | 'virtio-blk' | 'virtio-scsi' | 'nvme' | 'ide' | 'lsi53c895a';
export type DiskCache = 'direct' | 'writeback' | 'writethrough';
export type AioEngine = 'io_uring' | 'native' | 'threads';
/** Who drives the disk: the hypervisor's host, or a driver of the guest's own over the network. */
export type AttachMode = 'host' | 'guest';
/** How a guest's own driver reaches its disk: ATA over Ethernet, or a network block device over TCP. */
export type GuestTransport = 'aoe' | 'nbd';

export interface DiskProfile {
  readonly name: string;
  readonly version: number;
  readonly bus: DiskBus;
  readonly cache: DiskCache;
  /** Used where the node opens a file or device itself; a network target has an engine of its own. */
  readonly aio: AioEngine;
  readonly iothread: boolean;
  /** Request queues; `vcpus` means one for each virtual processor. */
  readonly queues: number | 'vcpus';
  readonly queueSize: number;
  /**
   * The optimal I/O size that the guest sees. Linux sets its read-ahead to twice this value, which is
   * what keeps a disk busy under synchronous reads. 0 leaves the guest's default.
   */
  readonly optimalIoBytes: number;
  readonly discard: boolean;
  /**
   * QEMU puts the guest's adjacent requests together into one of virtio-blk's. It gives a read-ahead back as one answer
   * at its very end, so that the guest has nothing to read meanwhile and asks for the next one too late. Absent in records of
   * profiles from before there was a choice: it does.
   */
  readonly mergesRequests?: boolean;
  readonly attachMode: AttachMode;
  /** Absent when the host drives the disk. */
  readonly transport?: GuestTransport;
}

export interface NicProfile {
  readonly name: string;
  readonly version: number;
  readonly model: 'virtio-net' | 'e1000';
  /** Queue pairs; `vcpus` means min(virtual processors, 8) where the host has vhost-net, else 1. */
  readonly queues: number | 'vcpus';
  readonly vhost: 'if-available' | 'never';
  readonly mtu: number;
  readonly offloads: boolean;
}

/** What Linux reads ahead of a disk that names no optimal I/O size. */
export const LINUX_READ_AHEAD_BYTES = 128 * 1024;

/** The default of every disk: every request reaches the device as the guest sent it, many at a time. */
export const DIRECT: DiskProfile = {
  name: 'direct',
  version: 2,
  bus: 'virtio-blk',
  cache: 'direct',
  aio: 'io_uring',
  iothread: true,
  queues: 'vcpus',
  queueSize: 256,
  optimalIoBytes: 2 * 1024 * 1024,
  discard: true,
  mergesRequests: false,
  attachMode: 'host',
};

/**
 * For programs that read one request at a time past the guest's own cache: the host's page cache reads ahead of them.
 * A flush still reaches the disk, so what a guest has synced is as safe as with `direct`.
 */
export const READ_STREAM: DiskProfile = { ...DIRECT, name: 'read-stream', cache: 'writeback' };

/**
 * A volume that the guest's own driver reaches over its NIC, past QEMU's disks: the last proposal of Shafer's paper.
 * Writes are on stable storage when they are answered, since Linux's driver never sends a flush.
 */
export const GUEST_ATTACHED: DiskProfile = {
  ...DIRECT,
  name: 'guest-attached',
  bus: 'none',
  iothread: false,
  queues: 1,
  queueSize: 64,
  optimalIoBytes: 0,
  discard: false,
  attachMode: 'guest',
  transport: 'aoe',
};

/**
 * The same over TCP. Linux's driver flushes, so that writes are on stable storage once they are followed by a flush, as
 * on any disk.
 */
export const GUEST_ATTACHED_NBD: DiskProfile = {
  ...GUEST_ATTACHED,
  name: 'guest-attached-nbd',
  queueSize: 128,
  discard: true,
  transport: 'nbd',
};

export function guestProfile(transport: GuestTransport): DiskProfile {
  return transport === 'nbd' ? GUEST_ATTACHED_NBD : GUEST_ATTACHED;
}

/** What the wire between a guest and its host carries at most, whatever size the guest's own packets have. */
export const STORAGE_MTU = 9_000;

/** The tags by which a user says, of a volume, how it is attached from the next time on. */
export const ATTACH_MODE_TAG = 'ironbark:attach-mode';
export const TRANSPORT_TAG = 'ironbark:transport';
export const ATTACH_MODES: readonly AttachMode[] = ['host', 'guest'];
export const GUEST_TRANSPORTS: readonly GuestTransport[] = ['aoe', 'nbd'];

/** The default of every NIC. */
export const PARAVIRTUAL: NicProfile = {
  name: 'paravirtual',
  version: 1,
  model: 'virtio-net',
  queues: 'vcpus',
  vhost: 'if-available',
  mtu: 1500,
  offloads: true,
};

/** The tag by which a user asks for a profile; it holds from the next start of the guest on. */
export const IO_PROFILE_TAG = 'ironbark:io-profile';

/** What a user may ask for, by name. */
const DISK_PROFILES: ReadonlyMap<string, DiskProfile> = new Map(
  [DIRECT, READ_STREAM].map((profile) => [profile.name, profile]),
);

/** Why a profile that is known is not to be had outside the lab. */
const KNOWN_BAD: Readonly<Record<string, string>> = {
  'paper-kvm-2010':
    'It is the KVM of 2010, with an emulated LSI 53c895a and every write waited for: a tenth of the speed and no request beside another.',
  'paper-xen-2010':
    'It is the Xen of 2010, with a preallocated file behind an emulated LSI 53c895a and every write waited for: half of the speed.',
};

/** Why a profile that the design has is not to be had at all. */
const NOT_TO_BE_HAD: Readonly<Record<string, string>> = {
  'shared-memory':
    "QEMU's storage daemon keeps no record of the requests that it has under way in a guest's memory: a guest would lose them when the daemon is killed, and wait for ever.",
};

export function findDiskProfile(name: string): DiskProfile | undefined {
  return DISK_PROFILES.get(name);
}

export function diskProfileNames(): string[] {
  return [...DISK_PROFILES.keys()];
}

/** For people; undefined for one that is good or that nobody knows. */
export function whyKnownBad(name: string): string | undefined {
  return Object.hasOwn(KNOWN_BAD, name) ? KNOWN_BAD[name] : undefined;
}

/** For people; undefined for one that can be had or that nobody knows. */
export function whyNotToBeHad(name: string): string | undefined {
  return Object.hasOwn(NOT_TO_BE_HAD, name) ? NOT_TO_BE_HAD[name] : undefined;
}

/** How a profile is named in reports, tags and logs: `direct@2`. */
export function profileLabel(profile: DiskProfile | NicProfile): string {
  return `${profile.name}@${profile.version}`;
}
