// Owns listening sockets that are made here and handed over to a process without a network of its own.
//
// TCP_NODELAY is set on it, and a connection has what its listener had: QEMU before 8.0 does not set it, and with some
// writes in flight each second answer then waits 40 ms for an acknowledgement.

import { once } from 'node:events';
import { createServer, type Server } from 'node:net';
import { setTcpNoDelay } from '@ironbark/platform/libc.ts';

export interface TcpListener {
  fd: number;
  port: number;
  /** This process's hold on it; whoever has inherited it keeps it. */
  close(): void;
}

/** `port` 0: any. Whoever comes before it is handed over is sent away. */
export async function openTcpListener(address: string, port: number): Promise<TcpListener> {
  const server = createServer((socket) => socket.destroy());
  server.listen({ host: address, port, exclusive: true });
  await once(server, 'listening');
  const { _handle: handle } = server as Server & { _handle?: { fd?: number } };
  const at = server.address();
  if (handle?.fd === undefined || at === null || typeof at === 'string') {
    throw new Error('a listener without a descriptor');
  }
  setTcpNoDelay(handle.fd);
  return { fd: handle.fd, port: at.port, close: () => void server.close() };
}
