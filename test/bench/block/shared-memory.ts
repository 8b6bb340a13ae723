// Owns the row of the profile that this cloud does not have: a guest that shares its memory with the volume's daemon
// (vhost-user-blk), beside the way that volumes have. One daemon serves both, and they take turns in one guest.

import { createConnection } from 'node:net';
import { join } from 'node:path';
import { DIRECT } from '@ironbark/core/io-profile.ts';
import { KIB } from '@ironbark/core/units.ts';
import { LabGuest } from '@ironbark/lab/guest/lab-guest.ts';
import { type LabGuestDisk, VHOST_USER_SERIAL } from '@ironbark/lab/guest/qemu-arguments.ts';
import { median } from '@ironbark/lab/run/statistics.ts';
import { cpuMsBetween, readThreads } from '@ironbark/lab/seen/threads.ts';
import { UNLIMITED, withCache } from '@ironbark/lab/testbeds.ts';
import { systemClock } from '@ironbark/platform/clock.ts';
import { systemCommands } from '@ironbark/platform/commands.ts';
import { readPid } from '@ironbark/platform/marked-processes.ts';
import { connectQmp } from '@ironbark/platform/qmp.ts';
import {
  type DaemonPaths,
  DISK_NODE,
  daemonPathsIn,
} from '@ironbark/storage/drivers/daemon-arguments.ts';
import { builtLabGuest } from '../../support/lab-guest-files.ts';
import { modelOf, type Seat } from './bench.ts';
import { parseFioRate, parseReadIops, randomReads, randomWrites } from './fio.ts';
import { atLeast, atMost, type BlockRow } from './rows.ts';
import { openTarget, SERVED, servedFolder } from './volumes.ts';

const ROW = 'shared-memory';
const SECONDS = 3;
/** A guest that has not done it yet translates its own code first. */
const WARM_UP = 1;
const VCPUS = 2;
const MEMORY_MIB = 512;
const TIMEOUT_MS = 10_000;
/** What it has to save to be worth a second way to a volume. */
const CPU_BAR = 0.75;
const RATE_BAR = 0.9;
/** Every thread of QEMU but those that run the guest's code. */
const SERVING = /^(?!CPU \d)/;
const ALL = /^/;

const DISKS = ['usual', VHOST_USER_SERIAL] as const;
type Kind = (typeof DISKS)[number];

interface Load {
  name: string;
  command: (device: string) => string;
  /** How many requests a second. */
  parseRate: (said: string) => number;
  /** Of bytes in a second; absent where the disk is not to hold it back. */
  bytes?: number;
}

const BLOCK = 64 * KIB;
const writes = (depth: number): Load => ({
  name: `random write 64k QD${depth}`,
  command: (device) => randomWrites(device, { depth, seconds: SECONDS }),
  parseRate: (said) => (parseFioRate(said) * 1e6) / BLOCK,
  bytes: BLOCK,
});
const READS: Load = {
  name: '4k read QD32',
  command: (device) => randomReads(device, { depth: 32, seconds: SECONDS }),
  parseRate: parseReadIops,
};
const LOADS = [writes(2), writes(4), READS];

interface Cost {
  requestsPerSecond: number;
  usPerRequest: number;
}

interface Served {
  guest: LabGuest;
  daemonPid: number;
  /** Whether the daemon would know, once it was killed and started again, what it had under way. */
  keepsRecord: boolean;
}

export async function measureSharedMemory(bench: Seat): Promise<BlockRow[]> {
  const target = await openTarget(bench);
  try {
    await target.export(SERVED, { opening: 1 });
    // The daemon talks to one client at a time.
    await target.detach();
    const paths = daemonPathsIn(servedFolder(bench), SERVED);
    const socketPath = join(bench.folder, 'vhost-user');
    await shareDisk(paths, socketPath);
    const keepsRecord = await keepsRecordOfRequests(socketPath);
    await using guest = await bootGuest(bench, paths, socketPath);
    const daemonPid = (await readPid(paths.pidFile))!;
    const rows: BlockRow[] = [];
    for (const load of LOADS) {
      await bench.disk.change(load.bytes === undefined ? UNLIMITED : withCache(modelOf(bench)));
      rows.push(...(await measureLoad(bench, { guest, daemonPid, keepsRecord }, load)));
    }
    return rows;
  } finally {
    await target.stop(SERVED);
    await target.detach();
    await bench.disk.change(modelOf(bench));
  }
}

async function shareDisk({ controlSocket }: DaemonPaths, path: string): Promise<void> {
  const qmp = await connectQmp({
    ...{ socketPath: controlSocket, clock: systemClock },
    timeoutMs: TIMEOUT_MS,
  });
  try {
    await qmp.execute('block-export-add', {
      ...{ type: 'vhost-user-blk', id: 'shared', 'node-name': DISK_NODE, writable: true },
      ...{ addr: { type: 'unix', path }, 'num-queues': VCPUS, 'logical-block-size': 512 },
    });
  } finally {
    qmp.close();
  }
}

async function bootGuest({ folder }: Seat, { ownSocket }: DaemonPaths, socketPath: string) {
  const files = await builtLabGuest();
  const sources: Record<Kind, LabGuestDisk['source']> = {
    usual: { kind: 'nbd', socketPath: ownSocket, exportName: SERVED },
    [VHOST_USER_SERIAL]: { kind: 'vhost-user', socketPath },
  };
  return await LabGuest.boot({
    ...{ commands: systemCommands, clock: systemClock, folder: join(folder, 'sharing') },
    ...{ signal: new AbortController().signal, accelerator: 'tcg' },
    ...{ kernelPath: files.kernel, initrdPath: files.initrd },
    ...{ vcpus: VCPUS, memoryMib: MEMORY_MIB },
    disks: DISKS.map((serial) => ({ serial, source: sources[serial], profile: DIRECT })),
  });
}

async function measureLoad(bench: Seat, served: Served, load: Load): Promise<BlockRow[]> {
  const costs: Record<Kind, Cost[]> = { usual: [], [VHOST_USER_SERIAL]: [] };
  for (let n = 0; n < WARM_UP + bench.repeat; n++) {
    for (const kind of DISKS) {
      const cost = await measureOnce(served, kind, load);
      if (n >= WARM_UP) costs[kind].push(cost);
    }
  }
  const [usual, shared] = DISKS.map((kind) => middleOf(costs[kind])) as [Cost, Cost];
  const record = served.keepsRecord ? 'kept' : 'lost by a daemon that is killed';
  const beside = `${describe(shared)}; over NBD ${describe(usual)}; requests under way ${record}`;
  const cpu = { value: shared.usPerRequest / usual.usPerRequest, bar: CPU_BAR, beside };
  const time = `processor time of the host per ${load.name}, of the same volume’s over NBD`;
  const rows = [atMost({ row: ROW }, time, cpu)];
  if (load.bytes === undefined) return rows;
  const wire = modelOf(bench).writeBytesPerSecond / load.bytes;
  const value = shared.requestsPerSecond / wire;
  const over = `over NBD ${(usual.requestsPerSecond / wire).toFixed(2)}`;
  const rate = { value, bar: RATE_BAR, beside: over };
  return [...rows, atLeast({ row: ROW }, `${load.name} in shared memory, of the rate`, rate)];
}

async function measureOnce({ guest, daemonPid }: Served, kind: Kind, load: Load): Promise<Cost> {
  const device = guest.deviceOf(kind);
  if (device === undefined) throw new Error(`the guest has no driver for its ${kind} disk`);
  const before = [await readThreads(guest.pid), await readThreads(daemonPid)] as const;
  const requestsPerSecond = load.parseRate(await guest.run(load.command(device)));
  const guestMs = cpuMsBetween(before[0], await readThreads(guest.pid), SERVING);
  const daemonMs = cpuMsBetween(before[1], await readThreads(daemonPid), ALL);
  const requests = requestsPerSecond * SECONDS;
  return { requestsPerSecond, usPerRequest: ((guestMs + daemonMs) * 1_000) / requests };
}

function middleOf(costs: readonly Cost[]): Cost {
  return {
    requestsPerSecond: median(costs.map((cost) => cost.requestsPerSecond)),
    usPerRequest: median(costs.map((cost) => cost.usPerRequest)),
  };
}

function describe({ requestsPerSecond, usPerRequest }: Cost): string {
  return `${usPerRequest.toFixed(0)} us at ${requestsPerSecond.toFixed(0)} a second`;
}

// From QEMU's docs/interop/vhost-user.rst: a message is its kind, its flags and the length of what follows.
const GET_PROTOCOL_FEATURES = 15;
const VERSION = 1;
const HEADER_BYTES = 12;
/** VHOST_USER_PROTOCOL_F_INFLIGHT_SHMFD. */
const IN_FLIGHT_RECORD = 1n << 12n;

/** As the daemon says when it is asked what it can do; it takes one client at a time. */
async function keepsRecordOfRequests(socketPath: string): Promise<boolean> {
  const question = Buffer.alloc(HEADER_BYTES);
  question.writeUInt32LE(GET_PROTOCOL_FEATURES, 0);
  question.writeUInt32LE(VERSION, 4);
  const socket = createConnection({ path: socketPath, timeout: TIMEOUT_MS });
  try {
    socket.on('timeout', () => socket.destroy(new Error('the daemon does not say what it can do')));
    socket.write(question);
    let answer = Buffer.alloc(0);
    for await (const bytes of socket) {
      answer = Buffer.concat([answer, bytes as Buffer]);
      if (answer.length >= HEADER_BYTES + 8) break;
    }
    return (answer.readBigUInt64LE(HEADER_BYTES) & IN_FLIGHT_RECORD) !== 0n;
  } finally {
    socket.destroy();
  }
}
