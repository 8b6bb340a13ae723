// Owns disks for tests that need root: loop devices on files of their own, full of old bytes unless told otherwise.

import { mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MIB } from '@ironbark/core/units.ts';
import { systemCommands } from '@ironbark/platform/commands.ts';
import { writeFully } from '@ironbark/platform/files.ts';

const OLD_BYTE = 0xaa;

export class LoopDevices implements AsyncDisposable {
  readonly #folder: string;
  readonly paths: string[] = [];

  private constructor(folder: string) {
    this.#folder = folder;
  }

  /** With the sizes given; `old` bytes of each hold what somebody else left. */
  static async make(
    sizesMib: readonly number[],
    { oldMib = 0 }: { oldMib?: number } = {},
  ): Promise<LoopDevices> {
    const devices = new LoopDevices(await mkdtemp(join(tmpdir(), 'ironbark-loop-')));
    for (const [at, size] of sizesMib.entries()) {
      const file = devices.#file(at);
      await using handle = await open(file, 'w');
      await handle.truncate(size * MIB);
      const old = Buffer.alloc(MIB, OLD_BYTE);
      for (let done = 0; done < Math.min(oldMib, size); done += 1) {
        await writeFully(handle, old, done * MIB);
      }
      const { stdout } = await systemCommands.run('losetup', ['--find', '--show', file]);
      devices.paths.push(stdout.trim());
    }
    return devices;
  }

  async read(at: number, offset: number, length: number): Promise<Buffer> {
    await using handle = await open(this.paths[at]!, 'r');
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(length), 0, length, offset);
    return buffer.subarray(0, bytesRead);
  }

  #file(at: number): string {
    return join(this.#folder, `disk-${at}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const path of this.paths) await systemCommands.run('losetup', ['--detach', path]);
    await rm(this.#folder, { recursive: true, force: true });
  }
}
