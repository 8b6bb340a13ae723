// Owns a small ext4 of its own on a loop device, which a test can fill to the last block and empty again.

import { chmod, mkdir, mkdtemp, rm, statfs } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemCommands } from '@ironbark/platform/commands.ts';

export class SmallDisk implements AsyncDisposable {
  readonly #folder: string;
  readonly path: string;
  readonly #ballast: string[] = [];

  private constructor(folder: string) {
    this.#folder = folder;
    this.path = join(folder, 'm');
  }

  static async make(sizeBytes: number): Promise<SmallDisk> {
    const disk = new SmallDisk(await mkdtemp(join(tmpdir(), 'ironbark-disk-')));
    const image = join(disk.#folder, 'image');
    await systemCommands.run('truncate', ['--size', String(sizeBytes), image]);
    await systemCommands.run('mkfs.ext4', ['-q', '-m', '0', image]);
    await mkdir(disk.path);
    await systemCommands.run('mount', ['-o', 'loop', image, disk.path]);
    // Guests run as users of their own and pass through to their files.
    await chmod(disk.#folder, 0o711);
    return disk;
  }

  async freeBytes(): Promise<number> {
    const { bavail, bsize } = await statfs(this.path);
    return bavail * bsize;
  }

  /** Takes all space but this much. */
  async fill(leaveBytes: number): Promise<void> {
    const file = join(this.path, `ballast-${this.#ballast.length}`);
    this.#ballast.push(file);
    const size = Math.max(1, (await this.freeBytes()) - leaveBytes);
    await systemCommands.run('fallocate', ['-l', String(size), file]);
  }

  /** Gives back what `fill` took. */
  async empty(): Promise<void> {
    for (const file of this.#ballast.splice(0)) await rm(file, { force: true });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await systemCommands.run('umount', [this.path]);
    await rm(this.#folder, { recursive: true, force: true });
  }
}
