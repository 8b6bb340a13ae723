// Owns one disk of a power-cut host: NBD server -> nbdfuse -> loop device -> ext4, put up and taken down.

import { type ChildProcess, spawn } from 'node:child_process';
import { mkdir, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { systemClock, waitFor } from '@ironbark/platform/clock.ts';
import { systemCommands } from '@ironbark/platform/commands.ts';
import { serveNbd, type WritableDisk } from '@ironbark/platform/nbd/server.ts';
import { type DiskPaths, tearDown } from './host-disk.ts';

/** An idle host needs 20 ms. */
const FUSE_TIMEOUT_MS = 10_000;
const POLL_MS = 2;

export class MountedDisk {
  readonly #paths: DiskPaths;
  readonly #backend: WritableDisk;
  #fuse: ChildProcess | undefined;

  private constructor(paths: DiskPaths, backend: WritableDisk) {
    this.#paths = paths;
    this.#backend = backend;
  }

  /** Makes its file system in the image, and serves it; it is not mounted yet. */
  static async create(paths: DiskPaths, backend: WritableDisk): Promise<MountedDisk> {
    const disk = new MountedDisk(paths, backend);
    await mkdir(paths.mount);
    await systemCommands.run('mkfs.ext4', [
      ...['-q', '-m', '0', '-E', 'lazy_itable_init=1,lazy_journal_init=1,nodiscard'],
      ...['-J', 'size=4', paths.image],
    ]);
    const server = createServer((socket) => void serveNbd(socket, { find: () => backend }));
    await new Promise<void>((resolve) => server.listen(paths.socket, resolve));
    return disk;
  }

  async mount(): Promise<void> {
    const { fuseFile, socket, mount } = this.#paths;
    await writeFile(fuseFile, '');
    this.#fuse = spawn('nbdfuse', [fuseFile, '--unix', socket], { stdio: 'ignore' });
    const isServed = async () => (await stat(fuseFile)).size === this.#backend.sizeBytes;
    const options = { clock: systemClock, timeoutMs: FUSE_TIMEOUT_MS, intervalMs: POLL_MS };
    await waitFor(isServed, { ...options, what: 'nbdfuse' });
    // The loop device goes with the mount.
    const flags = ['-t', 'ext4', '-o', 'loop,noatime,noinit_itable'];
    await systemCommands.run('mount', [...flags, fuseFile, mount]);
  }

  async unmount(): Promise<void> {
    await tearDown(this.#paths);
    const process = this.#fuse;
    this.#fuse = undefined;
    if (process === undefined || process.exitCode !== null || process.signalCode !== null) return;
    await new Promise((resolve) => process.once('exit', resolve));
  }
}
