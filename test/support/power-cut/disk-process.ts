// Owns one power-cut disk in a process of its own: NBD server -> nbdfuse -> loop device -> ext4. It takes orders
// over IPC, and when its parent goes, however that ends, it takes everything down and removes its folder.

import { type ChildProcess, spawn } from 'node:child_process';
import { mkdir, rm, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { systemClock, waitFor } from '@ironbark/platform/clock.ts';
import { systemCommands } from '@ironbark/platform/commands.ts';
import type { DiskEvent, DiskOrder, Order } from './disk-orders.ts';
import { diskPaths, tearDown } from './host-disk.ts';
import { serveNbd } from './nbd-server.ts';
import { type CutMode, VolatileDisk } from './volatile-disk.ts';

/** An idle host needs 20 ms. */
const FUSE_TIMEOUT_MS = 10_000;
const POLL_MS = 2;

const [folder, size, seed] = process.argv.slice(2);
const paths = diskPaths(folder!);
const disk = new VolatileDisk({
  imagePath: paths.image,
  sizeBytes: Number(size),
  seed: Number(seed),
});

let isPowered = false;
let armed: { afterRequests: number; mode: CutMode; kill: readonly number[] } | undefined;
let fuse: ChildProcess | undefined;

/** From here on nothing is written, and whoever would have noticed is dead. */
function cutPower(mode: CutMode, kill: readonly number[]): void {
  if (!isPowered) return;
  armed = undefined;
  isPowered = false;
  for (const pid of kill) killIfThere(pid);
  send({ kind: 'cut', report: disk.cut(mode) });
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

function countRequest(): void {
  requirePower();
  if (armed === undefined) return;
  if (armed.afterRequests > 0) armed.afterRequests -= 1;
  else {
    cutPower(armed.mode, armed.kill);
    requirePower();
  }
}

const backend = {
  sizeBytes: disk.sizeBytes,
  read: (offset: number, length: number) => {
    requirePower();
    return disk.read(offset, length);
  },
  write: (offset: number, bytes: Buffer) => {
    countRequest();
    disk.write(offset, bytes);
  },
  zero: (offset: number, length: number) => {
    countRequest();
    disk.zero(offset, length);
  },
  flush: () => {
    countRequest();
    disk.flush();
  },
};

async function powerOn(): Promise<void> {
  await writeFile(paths.fuseFile, '');
  isPowered = true;
  fuse = spawn('nbdfuse', [paths.fuseFile, '--unix', paths.socket], { stdio: 'ignore' });
  const isServed = async () => (await stat(paths.fuseFile)).size === disk.sizeBytes;
  const options = { clock: systemClock, timeoutMs: FUSE_TIMEOUT_MS, intervalMs: POLL_MS };
  await waitFor(isServed, { ...options, what: 'nbdfuse' });
  const { stdout } = await systemCommands.run('losetup', ['-f', '--show', paths.fuseFile]);
  await writeFile(paths.loopName, stdout.trim());
  const flags = ['-t', 'ext4', '-o', 'noatime,noinit_itable'];
  await systemCommands.run('mount', [...flags, stdout.trim(), paths.mount]);
}

async function powerOff(): Promise<void> {
  await tearDown(paths);
  const process = fuse;
  fuse = undefined;
  if (process === undefined || process.exitCode !== null || process.signalCode !== null) return;
  await new Promise((resolve) => process.once('exit', resolve));
}

async function obey(order: Order): Promise<void> {
  if (order.kind === 'power-on') await powerOn();
  else if (order.kind === 'power-off') await powerOff();
  else if (order.kind === 'cut') cutPower(order.mode, order.kill);
  else armed = order;
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
  await rm(paths.folder, { recursive: true });
  process.exit();
});
// Orders to stop reach the whole group of a terminal; the parent's end is what counts.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => {});

await mkdir(paths.mount);
await systemCommands.run('mkfs.ext4', [
  ...['-q', '-m', '0', '-E', 'lazy_itable_init=1,lazy_journal_init=1,nodiscard'],
  ...['-J', 'size=4', paths.image],
]);
const server = createServer((socket) => void serveNbd(socket, backend));
await new Promise<void>((resolve) => server.listen(paths.socket, resolve));
send({ kind: 'ready' });
