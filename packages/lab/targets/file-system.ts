// Owns the file system whose files are guests' disks: ext4 with a journal, as distributions make it.

import { mkdir } from 'node:fs/promises';
import { KIB } from '@ironbark/core/units.ts';
import { type Clock, waitFor } from '@ironbark/platform/clock.ts';
import { CommandError, type Commands } from '@ironbark/platform/commands.ts';

export interface FileSystemOptions {
  commands: Commands;
  clock: Clock;
  /** A device whose bytes are those of an image. */
  device: string;
  /** Made; where it is mounted. */
  folder: string;
}

/** A part of a file that is to hold a file system. */
export interface FileSystemImage {
  bytesFile: string;
  offset: number;
  sizeBytes: number;
}

const RELEASE_TIMEOUT_MS = 20_000;
/** Nothing is left for the background, where it would be measured. */
const AT_ONCE = 'lazy_itable_init=0,lazy_journal_init=0,nodiscard';

/**
 * Past the modelled disk's FUSE export: that of QEMU 7.2 mixes up the bytes of writes that are under way together. The
 * kernel keeps what it writes later in its memory, so what is wrong below is never read.
 */
export async function makeFileSystem(commands: Commands, image: FileSystemImage): Promise<void> {
  const place = [`${AT_ONCE},offset=${image.offset}`, image.bytesFile];
  const how = ['-q', '-F', '-m', '0', '-b', '4096', '-J', 'size=16', '-E'];
  await commands.run('mkfs.ext4', [...how, ...place, `${image.sizeBytes / KIB}k`]);
}

export async function mountFileSystem(options: FileSystemOptions): Promise<AsyncDisposable> {
  const { commands, clock, device, folder } = options;
  await mkdir(folder, { recursive: true });
  await commands.run('mount', ['-t', 'ext4', '-o', 'noatime', device, folder]);
  const unmounts = () =>
    commands.run('umount', [folder]).then(
      () => true,
      (error: unknown) => {
        if (error instanceof CommandError && error.stderr.includes('busy')) return false;
        throw error;
      },
    );
  return {
    [Symbol.asyncDispose]: async () => {
      await waitFor(unmounts, {
        clock,
        timeoutMs: RELEASE_TIMEOUT_MS,
        what: `${folder} unmounted`,
      });
    },
  };
}
