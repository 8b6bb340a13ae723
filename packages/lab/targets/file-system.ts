// Owns the file system whose files are guests' disks: ext4 with a journal, as distributions make it.

import { mkdir } from 'node:fs/promises';
import { type Clock, waitFor } from '@ironbark/platform/clock.ts';
import { CommandError, type Commands } from '@ironbark/platform/commands.ts';

export interface FileSystemOptions {
  commands: Commands;
  clock: Clock;
  /** A device with nothing on it that anybody wants. */
  device: string;
  /** Made; where it is mounted. */
  folder: string;
}

const RELEASE_TIMEOUT_MS = 20_000;
/** Nothing is left for the background, where it would be measured. */
const AT_ONCE = 'lazy_itable_init=0,lazy_journal_init=0,nodiscard';

export async function mountNew(options: FileSystemOptions): Promise<AsyncDisposable> {
  const { commands, clock, device, folder } = options;
  await mkdir(folder, { recursive: true });
  await commands.run('mkfs.ext4', ['-q', '-F', '-m', '0', '-J', 'size=16', '-E', AT_ONCE, device]);
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
