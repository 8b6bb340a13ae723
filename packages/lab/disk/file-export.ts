// Owns showing an NBD export as a file of the host, through the FUSE export of QEMU's storage daemon.

import { stat } from 'node:fs/promises';
import { type Clock, waitFor } from '@ironbark/platform/clock.ts';
import type { Commands } from '@ironbark/platform/commands.ts';
import { writeUnsynced } from '@ironbark/platform/files.ts';
import { DISK_NICENESS, first, putSessionFirst } from './first.ts';

export interface FileExportOptions {
  commands: Commands;
  clock: Clock;
  /** Where the file appears. */
  path: string;
  socketPath: string;
  sizeBytes: number;
}

const DAEMON = 'qemu-storage-daemon';
const MOUNT_TIMEOUT_MS = 20_000;

/**
 * Until it is disposed. For synchronous programs: of writes that come together, as from a loop device over it, QEMU 7.2
 * mixes up the bytes.
 */
export async function exportAsFile(options: FileExportOptions): Promise<AsyncDisposable> {
  const { commands, clock, path, socketPath, sizeBytes } = options;
  await writeUnsynced(path, '');
  const node = `driver=nbd,server.type=unix,server.path=${socketPath},export=,node-name=disk`;
  const fuse = `type=fuse,id=file,node-name=disk,mountpoint=${path},writable=on`;
  const args = ['--blockdev', node, '--export', fuse];
  const [file, ...rest] = first(DISK_NICENESS, [DAEMON, ...args]);
  const surroundings = { cwd: '/', env: {}, detached: true };
  const daemon = await commands.startAttached(file, rest, surroundings);
  await putSessionFirst(daemon.pid, DISK_NICENESS);
  daemon.stderr.pipe(process.stderr);
  const isThere = async () => (await stat(path)).size === sizeBytes;
  const what = `the file ${path} of the modelled disk`;
  await waitFor(isThere, { clock, timeoutMs: MOUNT_TIMEOUT_MS, what });
  return {
    [Symbol.asyncDispose]: async () => {
      daemon.kill('SIGTERM');
      await daemon.ended;
    },
  };
}
