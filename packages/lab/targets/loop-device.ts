// Owns a part of a file as a block device of the host, past the page cache of the file below it: it has a queue and
// counters of its own in /proc/diskstats, as the disk of the paper had.

import { basename } from 'node:path';
import type { Commands } from '@ironbark/platform/commands.ts';

export interface LoopDevice extends AsyncDisposable {
  path: string;
  /** As the kernel names it: `loop0`. */
  name: string;
}

export interface LoopRange {
  file: string;
  offset: number;
  sizeBytes: number;
}

export async function openLoopDevice(commands: Commands, range: LoopRange): Promise<LoopDevice> {
  const { stdout } = await commands.run('losetup', [
    ...['--find', '--show', '--direct-io=on', '--offset', String(range.offset)],
    ...['--sizelimit', String(range.sizeBytes), range.file],
  ]);
  const path = stdout.trim();
  return {
    path,
    name: basename(path),
    [Symbol.asyncDispose]: async () => {
      await commands.run('losetup', ['--detach', path]);
    },
  };
}
