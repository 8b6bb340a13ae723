// Owns the rows on volumes as the Storage Controller serves them: rows 11 and 12, many volumes at once, and what
// looking at their counters costs.

import { symlink } from 'node:fs/promises';
import { join } from 'node:path';
import type { VolumeId } from '@ironbark/core/ids.ts';
import { KIB, MIB } from '@ironbark/core/units.ts';
import type { VolumeLimits } from '@ironbark/core/volume-types.ts';
import { median } from '@ironbark/lab/run/statistics.ts';
import { renderSeen } from '@ironbark/lab/seen/render-seen.ts';
import { cpuMsBetween, readThreads } from '@ironbark/lab/seen/threads.ts';
import { withCache } from '@ironbark/lab/testbeds.ts';
import { parseRate, readArguments } from '@ironbark/lab/workloads/dd.ts';
import { systemClock } from '@ironbark/platform/clock.ts';
import { systemCommands } from '@ironbark/platform/commands.ts';
import { ensureDirectory } from '@ironbark/platform/files.ts';
import { silentLogger } from '@ironbark/platform/logger.ts';
import type { BlockTarget } from '@ironbark/protocol/internal/block-target.ts';
import type { BlockExport } from '@ironbark/protocol/internal/instance-messages.ts';
import { daemonPaths } from '@ironbark/storage/drivers/daemon-arguments.ts';
import { openStorageDaemonTarget } from '@ironbark/storage/drivers/storage-daemon.ts';
import {
  type Bench,
  DISK_BYTES,
  exportOf,
  guestSample,
  inTurn,
  mbps,
  medianRatio,
  middleOf,
  modelOf,
  type Seat,
} from './bench.ts';
import { parseFioRate, randomWrites } from './fio.ts';
import { atLeast, atMost, type BlockRow } from './rows.ts';

export const SERVED: VolumeId = 'vol-0b10cbe4c00000003';
const BYTES = 64 * MIB;
const BLOCK = 64 * KIB;
const READ_BAR = 0.95;
const STALL_BAR = 0.9;
/** With 2 to 8 writes in flight a server that does not set TCP_NODELAY falls to a twentieth. */
const STALL_DEPTHS = [2, 4] as const;
const HOST_TIMEOUT_MS = 60_000;

/** A volume on the modelled disk behind the product's own block target, and the guest's name of it. */
export async function withServedVolume<T>(
  bench: Bench,
  work: (served: { device: string; source: BlockExport }) => Promise<T>,
  limits?: VolumeLimits,
): Promise<T> {
  const target = await openTarget(bench);
  try {
    const { export: source } = await target.export(SERVED, {
      opening: 1,
      ...(limits === undefined ? {} : { limits }),
    });
    const device = await bench.guest.attach(SERVED, source);
    try {
      return await work({ device, source });
    } finally {
      await bench.guest.detach(SERVED);
    }
  } finally {
    await target.stop(SERVED);
    await target.detach();
  }
}

/** The data folder of the target: a short path, since sockets lie in it. */
export function servedFolder({ folder }: Pick<Seat, 'folder'>): string {
  return join(folder, 's');
}

export async function openTarget({ folder, disk }: Seat): Promise<BlockTarget> {
  const dataDir = servedFolder({ folder });
  const { volume } = daemonPaths(SERVED);
  await ensureDirectory(join(dataDir, 'volumes'));
  // The same disk at every call.
  await symlink(disk.file, join(dataDir, volume)).catch(() => {});
  const effects = { commands: systemCommands, clock: systemClock, logger: silentLogger };
  return await openStorageDaemonTarget({ dataDir, ...effects, users: undefined });
}

export async function measureServedVolume(
  bench: Bench,
  isWanted: (row: string) => boolean,
): Promise<BlockRow[]> {
  await bench.disk.change(withCache(modelOf(bench)));
  const rows = await withServedVolume(bench, async (served) => [
    ...(isWanted('11') ? await measureInitiator(bench, served) : []),
    ...(isWanted('12') ? await measureStalls(bench, served) : []),
  ]);
  await bench.disk.change(modelOf(bench));
  return rows;
}

async function measureInitiator(
  bench: Bench,
  { device, source }: { device: string; source: BlockExport },
): Promise<BlockRow[]> {
  const samples = await inTurn(bench.repeat, {
    host: () => initiatorSample(bench, source, { depth: 1, writes: false }),
    guest: () => guestSample(bench, 'read', { path: device, bytes: BYTES, direct: true }),
  });
  const [host, guest] = [middleOf(samples.host), middleOf(samples.guest)];
  return [
    atLeast({ row: '11' }, 'volume, read 64k QD1, of the host’s initiator', {
      value: medianRatio(samples.guest, samples.host),
      bar: READ_BAR,
      beside: `guest ${mbps(guest.rate)}, ${renderSeen(guest.seen)}; host ${mbps(host.rate)}`,
    }),
  ];
}

function uriOf(source: BlockExport): string {
  if (source.kind === 'nbd-tcp') {
    return `nbd://${source.host}:${source.port}/${source.exportName}`;
  }
  if (source.kind === 'nbd-gate') throw new Error('a volume of this host has no gate');
  return `nbd+unix:///${source.exportName}?socket=${source.socketPath}`;
}

/** QEMU's own client without a guest. */
async function initiatorSample(
  { disk }: Bench,
  source: BlockExport,
  { depth, writes }: { depth: number; writes: boolean },
) {
  const how = ['-c', String(BYTES / BLOCK), '-d', String(depth), '-s', String(BLOCK), '-t', 'none'];
  const args = ['bench', '-f', 'raw', ...how, ...(writes ? ['-w'] : []), uriOf(source)];
  const { result, seen } = await disk.watch(() =>
    systemCommands.run('qemu-img', args, { timeoutMs: HOST_TIMEOUT_MS }),
  );
  const seconds = Number(/completed in ([\d.]+) seconds/.exec(result.stdout)?.[1]);
  return { rate: BYTES / seconds / 1e6, seen };
}

async function measureStalls(
  bench: Bench,
  { device, source }: { device: string; source: BlockExport },
): Promise<BlockRow[]> {
  const wire = modelOf(bench).writeBytesPerSecond / 1e6;
  const rows: BlockRow[] = [];
  for (const depth of STALL_DEPTHS) {
    const rates: number[] = [];
    for (let n = 0; n < bench.repeat; n++) {
      const text = await bench.guest.run(randomWrites(device, { depth, seconds: 3 }));
      rates.push(parseFioRate(text));
    }
    // Tells a target that stalls from a guest that is slow.
    const host = await initiatorSample(bench, source, { depth, writes: true });
    rows.push(
      atLeast({ row: '12', isHard: true }, `volume, random write 64k QD${depth}, of the rate`, {
        value: median(rates) / wire,
        bar: STALL_BAR,
        beside: `${mbps(median(rates))} of ${mbps(wire)}, ${source.kind}; host’s initiator ${mbps(host.rate)}`,
      }),
    );
  }
  return rows;
}

const MANY = 8;
const MANY_BYTES = 256 * MIB;
const MANY_BAR = 0.95;

/** The same bytes through one volume and through eight, all of them on the one disk. */
export async function measureManyVolumes(bench: Bench): Promise<BlockRow[]> {
  await bench.disk.change(modelOf(bench));
  const serials = Array.from({ length: MANY }, (_, n): VolumeId => `vol-0b10cbe4c000001${n}0`);
  const devices: string[] = [];
  for (const serial of serials)
    devices.push(await bench.guest.attach(serial, exportOf(bench.disk)));
  try {
    const samples = await inTurn(bench.repeat, {
      one: () => readTogether(bench, devices.slice(0, 1)),
      eight: () => readTogether(bench, devices),
    });
    const [one, eight] = [middleOf(samples.one), middleOf(samples.eight)];
    return [
      atLeast({ row: 'volumes' }, `${MANY} volumes, sum of bandwidth, of one volume`, {
        value: medianRatio(samples.eight, samples.one),
        bar: MANY_BAR,
        beside: `${mbps(eight.rate)}, ${renderSeen(eight.seen)}; one ${mbps(one.rate)}`,
      }),
    ];
  } finally {
    for (const serial of serials) await bench.guest.detach(serial);
    await bench.disk.change(modelOf(bench));
  }
}

async function readTogether(bench: Bench, devices: readonly string[]) {
  const bytes = MANY_BYTES / devices.length;
  // To the end of the device, beyond which no read-ahead goes: eight readers would have more of it for nothing than one.
  const at = DISK_BYTES - bytes;
  const readers = devices.map((path) => {
    const args = readArguments({ path, bytes, at, direct: false });
    return `dd ${args.join(' ')} 2> /dev/null &`;
  });
  await bench.guest.dropCaches();
  const script = `begun=$(cut -d' ' -f1 /proc/uptime); ${readers.join(' ')} wait; ended=$(cut -d' ' -f1 /proc/uptime); echo "${MANY_BYTES} bytes (x) copied, $(awk "BEGIN { print $ended - $begun }") s"`;
  const { result, seen } = await bench.disk.watch(() => bench.guest.run(script));
  return { rate: parseRate(result), seen };
}

const LOOKS = 50;
const COST_BAR = 0.01;

/** Of one processor, when every disk's counters are read once a second. */
export async function measureCostOfMeasuring({ guest }: Bench): Promise<BlockRow[]> {
  const { pid } = guest.handle;
  await guest.driver.diskStats(guest.handle);
  const own = process.cpuUsage();
  const before = await readThreads(pid);
  for (let n = 0; n < LOOKS; n++) await guest.driver.diskStats(guest.handle);
  const { user, system } = process.cpuUsage(own);
  const guestMs = cpuMsBetween(before, await readThreads(pid), /^qemu|^call_rcu/);
  const perLookMs = ((user + system) / 1_000 + guestMs) / LOOKS;
  return [
    atMost({ row: 'metrics' }, 'cost of measuring, of a processor', {
      value: perLookMs / 1_000,
      bar: COST_BAR,
      unit: '',
      beside: `${perLookMs.toFixed(2)} ms a look, one a second`,
    }),
  ];
}
