// Owns a Unix socket at which disks are served: everybody who connects is answered until the listener is disposed, which
// cuts them off and removes the socket.

import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import { listenAt } from '../sockets.ts';
import { type NbdExports, serveNbd } from './server.ts';

export interface NbdListenerOptions {
  /** Of any length. What a process that died has left there is replaced. */
  path: string;
  exports: NbdExports;
  /** Further ones are cut off at once; no limit when absent. */
  maxConnections?: number;
}

export async function listenForNbd(options: NbdListenerOptions): Promise<AsyncDisposable> {
  const open = new Set<Socket>();
  const server = createServer((socket) => {
    open.add(socket);
    socket.on('close', () => open.delete(socket));
    void serveNbd(socket, options.exports);
  });
  if (options.maxConnections !== undefined) server.maxConnections = options.maxConnections;
  const place = await listenAt(server, options.path);
  return {
    [Symbol.asyncDispose]: async () => {
      const closed = once(server, 'close');
      server.close();
      for (const socket of open) socket.destroy();
      await closed;
      await place?.close();
    },
  };
}
