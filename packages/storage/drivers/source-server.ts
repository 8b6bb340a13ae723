// Owns serving snapshots to storage daemons that fill volumes from them: NBD, read-only, on one Unix socket. An export
// has a name that nobody can guess, so that a daemon reads the snapshot of its own volume and no other.

import { once } from 'node:events';
import { chmod } from 'node:fs/promises';
import { createServer, type Socket } from 'node:net';
import { removeFile } from '@ironbark/platform/files.ts';
import { type NbdDisk, serveNbd } from '@ironbark/platform/nbd/server.ts';
import { requireSocketPath } from './daemon-arguments.ts';

/** The folder that the socket lies in lets storage daemons in and nobody else. */
const MODE = 0o666;

export async function serveSources(
  path: string,
  find: (exportName: string) => Promise<NbdDisk | undefined>,
): Promise<AsyncDisposable> {
  requireSocketPath(path);
  await removeFile(path);
  const open = new Set<Socket>();
  const server = createServer((socket) => {
    open.add(socket);
    socket.on('close', () => open.delete(socket));
    void serveNbd(socket, { find });
  });
  server.listen(path);
  await once(server, 'listening');
  await chmod(path, MODE);
  return {
    [Symbol.asyncDispose]: async () => {
      const closed = once(server, 'close');
      server.close();
      for (const socket of open) socket.destroy();
      await closed;
    },
  };
}
