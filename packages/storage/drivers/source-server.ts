// Owns serving snapshots to storage daemons that fill volumes from them: NBD, read-only, on one Unix socket. An export
// has a name that nobody can guess, so that a daemon reads the snapshot of its own volume and no other.

import { chmod } from 'node:fs/promises';
import { listenForNbd } from '@ironbark/platform/nbd/listener.ts';
import type { NbdDisk } from '@ironbark/platform/nbd/server.ts';
import { requireSocketPath } from './daemon-arguments.ts';

/** The folder that the socket lies in lets storage daemons in and nobody else. */
const MODE = 0o666;

export async function serveSources(
  path: string,
  find: (exportName: string) => Promise<NbdDisk | undefined>,
): Promise<AsyncDisposable> {
  requireSocketPath(path);
  const listener = await listenForNbd({ path, exports: { find } });
  await chmod(path, MODE);
  return listener;
}
