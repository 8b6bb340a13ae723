// Owns the power of one or more disks, in a process of its own. It takes orders over IPC, and when its parent goes,
// however that ends, it takes everything down and removes its folder.

import { rm } from 'node:fs/promises';
import type { WritableDisk } from '@ironbark/platform/nbd/server.ts';
import type { Arming, DiskEvent, DiskFailure, DiskOrder, Order } from './disk-orders.ts';
import { diskPaths } from './host-disk.ts';
import { MountedDisk } from './mounted-disk.ts';
import { type CutMode, type CutReport, SECTOR_BYTES, VolatileDisk } from './volatile-disk.ts';

/** Gives disks of one seed different fates. */
const SEED_STEP = 7919;

const [folder, size, seed, names] = process.argv.slice(2);
const disks = new Map(names!.split(',').map((name, at) => [name, openDisk(name, at)]));
const failures = new Map<string, DiskFailure>();

let isPowered = false;
let armed: Arming | undefined;
let mounted: MountedDisk[] = [];

function openDisk(name: string, at: number): VolatileDisk {
  const { image } = diskPaths(folder!, name);
  const options = { imagePath: image, sizeBytes: Number(size) };
  return new VolatileDisk({ ...options, seed: Number(seed) + at * SEED_STEP });
}

/** From here on nothing is written, and whoever would have noticed is dead. */
function cutPower(mode: CutMode, kill: readonly number[]): void {
  if (!isPowered) return;
  armed = undefined;
  isPowered = false;
  for (const pid of kill) killIfThere(pid);
  const report: CutReport = { unflushed: 0, survived: 0 };
  for (const disk of disks.values()) {
    const { unflushed, survived } = disk.cut(mode);
    report.unflushed += unflushed;
    report.survived += survived;
  }
  send({ kind: 'cut', report });
}

function killIfThere(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It has ended by itself.
  }
}

function requirePower(): void {
  if (!isPowered) throw new Error('the power is off');
}

function countRequest(name: string, request: DiskFailure): void {
  requirePower();
  if (armed === undefined || (armed.disk ?? name) !== name) return;
  if (armed.afterRequests > 0) armed.afterRequests -= 1;
  else if (armed.atFlush !== true || request === 'syncs') {
    cutPower(armed.mode, armed.kill);
    requirePower();
  }
}

/** The writes of a disk whose syncs fail stay in its cache. */
function requireHealth(name: string, request: DiskFailure): void {
  const failure = failures.get(name);
  if (failure === 'writes' || failure === request) throw new Error('the disk has failed');
}

function backendOf(name: string, disk: VolatileDisk): WritableDisk {
  const change = (request: DiskFailure, work: () => void) => {
    countRequest(name, request);
    requireHealth(name, request);
    work();
  };
  return {
    sizeBytes: disk.sizeBytes,
    blockBytes: SECTOR_BYTES,
    read: (offset, length) => {
      requirePower();
      return disk.read(offset, length);
    },
    write: (offset, bytes) => change('writes', () => disk.write(offset, bytes)),
    zero: (offset, length) => change('writes', () => disk.zero(offset, length)),
    flush: () => change('syncs', () => disk.flush()),
  };
}

async function powerOn(): Promise<void> {
  isPowered = true;
  failures.clear();
  await Promise.all(mounted.map((disk) => disk.mount()));
}

async function powerOff(): Promise<void> {
  await Promise.all(mounted.map((disk) => disk.unmount()));
}

async function obey(order: Order): Promise<void> {
  if (order.kind === 'power-on') await powerOn();
  else if (order.kind === 'power-off') await powerOff();
  else if (order.kind === 'cut') cutPower(order.mode, order.kill);
  else if (order.kind === 'arm') armed = order;
  else if (order.failure === undefined) failures.delete(order.disk);
  else failures.set(order.disk, order.failure);
}

function send(event: DiskEvent): void {
  if (process.connected) process.send!(event);
}

process.on('message', ({ id, order }: DiskOrder) => {
  obey(order).then(
    () => send({ kind: 'done', id }),
    (error: unknown) => send({ kind: 'failed', id, error: String(error) }),
  );
});

process.on('disconnect', async () => {
  isPowered = false;
  await powerOff();
  await rm(folder!, { recursive: true });
  process.exit();
});
// Orders to stop reach the whole group of a terminal; the parent's end is what counts.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => {});

mounted = await Promise.all(
  [...disks].map(([name, disk]) =>
    MountedDisk.create(diskPaths(folder!, name), backendOf(name, disk)),
  ),
);
send({ kind: 'ready' });
