// Owns the bytes under the targets: a disk of modelled speed, or a file of the host's own on the native testbed.

import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { MIB } from '@ironbark/core/units.ts';
import type { Clock } from '@ironbark/platform/clock.ts';
import type { Commands } from '@ironbark/platform/commands.ts';
import { LabDisk } from '../disk/lab-disk.ts';
import { type DiskModel, UNLIMITED } from '../testbeds.ts';

export interface Backing extends AsyncDisposable {
  /** The bytes as a file of the host. */
  file: string;
  /** The same past any model. */
  bytesFile: string;
  /** Absent on the native testbed. */
  disk?: LabDisk;
  /** Does what is not to be measured as fast as the host can. */
  unmeasured<T>(work: () => Promise<T>): Promise<T>;
}

export interface BackingOptions {
  commands: Commands;
  clock: Clock;
  folder: string;
  sizeBytes: number;
  /** Undefined: the host's own disk. */
  model: DiskModel | undefined;
  servesTcp?: boolean;
  /** Of a modelled disk: its bytes lie in memory. */
  isInMemory?: boolean;
  /** What is there already; only without a model. */
  ownDisk?: string;
}

const ALLOCATE_TIMEOUT_MS = 300_000;

export async function openBacking(options: BackingOptions): Promise<Backing> {
  return options.model === undefined ? openFile(options) : openModelled(options, options.model);
}

async function openModelled(options: BackingOptions, model: DiskModel): Promise<Backing> {
  await using stack = new AsyncDisposableStack();
  if (options.isInMemory === true) stack.use(await mountMemory(options));
  const disk = stack.use(await LabDisk.start({ ...options, model }));
  const owned = stack.move();
  return {
    file: disk.file,
    bytesFile: disk.bytesFile,
    disk,
    unmeasured: async (work) => {
      await disk.change(UNLIMITED);
      try {
        return await work();
      } finally {
        await disk.change(model);
      }
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

/** Its sockets, beside the bytes. */
const FOLDER_BYTES = 16 * MIB;

async function mountMemory({ commands, folder, sizeBytes }: BackingOptions) {
  await mkdir(folder, { recursive: true });
  const size = `size=${sizeBytes + FOLDER_BYTES},mode=0700`;
  await commands.run('mount', ['-t', 'tmpfs', '-o', size, 'ironbark-lab', folder]);
  return {
    [Symbol.asyncDispose]: async () => {
      // The file that the disk was shown as may be let go a moment later.
      await commands.run('umount', ['--lazy', folder]);
    },
  };
}

async function openFile(options: BackingOptions): Promise<Backing> {
  const file = options.ownDisk ?? (await allocateFile(options));
  return {
    file,
    bytesFile: file,
    unmeasured: (work) => work(),
    [Symbol.asyncDispose]: async () => {},
  };
}

async function allocateFile({ commands, folder, sizeBytes }: BackingOptions): Promise<string> {
  await mkdir(folder, { recursive: true });
  const file = join(folder, 'bytes');
  const args = ['--length', String(sizeBytes), file];
  await commands.run('fallocate', args, { timeoutMs: ALLOCATE_TIMEOUT_MS });
  return file;
}
