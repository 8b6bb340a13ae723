// Owns the testbeds of the lab: disks and wires of known speed, so that a ratio means the same on every machine.

/** A disk that works on one request at a time, as a platter under one head does. */
export interface DiskModel {
  readBytesPerSecond: number;
  writeBytesPerSecond: number;
  /** Added to a request that does not begin where the one before it ended. */
  seekMs: number;
  /** And that begins further away than this: what is near is served in passing. 0 when absent. */
  nearBytes?: number;
  /**
   * How much idle time the disk makes up for afterwards: what the cache of a drive, or a token bucket, does. 0: an
   * idle moment is lost for good, so that latency costs bandwidth. With credit the disk's queue and utilisation say
   * little, as those of a throttled device do.
   */
  creditMs: number;
}

export interface WireModel {
  bitsPerSecond: number;
  mtu: number;
}

export interface Testbed {
  /** Undefined: the host's own. */
  disk: DiskModel | undefined;
  /** A networked volume as the bare host has it; the disk's own model when absent. */
  volume?: DiskModel;
  wire: WireModel | undefined;
}

const MEGA = 1e6;

/** `paper`: Shafer, WIOV 2010: 111 MB/s written and 108 read by the host, 1 Gb/s. */
export const TESTBEDS = {
  paper: {
    disk: {
      readBytesPerSecond: 108 * MEGA,
      writeBytesPerSecond: 111 * MEGA,
      seekMs: 0,
      creditMs: 0,
    },
    // What the paper's bare host had of an EBS volume (its Tables 1 and 2, "None, EBS").
    volume: {
      readBytesPerSecond: 55.8 * MEGA,
      writeBytesPerSecond: 65.2 * MEGA,
      seekMs: 0,
      creditMs: 0,
    },
    wire: { bitsPerSecond: 1_000 * MEGA, mtu: 9_000 },
  },
  /** For busy machines: slow enough for an emulated guest's processor not to be what is measured. */
  slow: {
    disk: { readBytesPerSecond: 25 * MEGA, writeBytesPerSecond: 25 * MEGA, seekMs: 0, creditMs: 0 },
    wire: { bitsPerSecond: 250 * MEGA, mtu: 9_000 },
  },
  native: { disk: undefined, wire: undefined },
} as const satisfies Readonly<Record<string, Testbed>>;

export type TestbedName = keyof typeof TESTBEDS;

/** For setting a disk up: nothing is waited for. */
export const UNLIMITED: DiskModel = {
  readBytesPerSecond: Number.POSITIVE_INFINITY,
  writeBytesPerSecond: Number.POSITIVE_INFINITY,
  seekMs: 0,
  creditMs: 0,
};

/** The paper's drive, a Seagate Barracuda 7200.11: by its data sheet 8.5 ms to another place and half a turn of 8.3 ms. */
const SEEK_MS = 8.5 + 8.3 / 2;
/** Of the 16 and 32 MiB of its cache: requests that come a little out of order are put in order there. */
const NEAR_BYTES = 8 * 2 ** 20;

/** The same disk with a head that has to move: what a file system writes beside the data costs time. */
export function withSeeks(disk: DiskModel): DiskModel {
  return { ...disk, seekMs: SEEK_MS, nearBytes: NEAR_BYTES };
}

/** As `lab run` measures on it: files are written there, so the paper's disk has its head. */
export function labTestbed(name: TestbedName): Testbed {
  return name === 'paper'
    ? { ...TESTBEDS.paper, disk: withSeeks(TESTBEDS.paper.disk) }
    : TESTBEDS[name];
}

/** The same disk with a drive's cache, which makes up for a tenth of a second. */
export function withCache(disk: DiskModel): DiskModel {
  return { ...disk, creditMs: 100 };
}
