// Owns how many connections a listener holds: of one peer, and in all. A full listener makes room for a new
// connection by closing the one that has kept it waiting for the longest, so that nobody shuts out the others by
// opening connections and saying nothing.

import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Server as NetServer, Socket } from 'node:net';
import type { Server as TlsServer } from 'node:tls';

/** Closes what one peer opens beyond the limit. */
export function limitPeers(server: NetServer, limit: number): void {
  const open = new Map<string, number>();
  server.on('connection', (socket) => {
    const peer = socket.remoteAddress ?? '';
    const count = (open.get(peer) ?? 0) + 1;
    open.set(peer, count);
    socket.once('close', () => {
      const left = open.get(peer)! - 1;
      if (left === 0) open.delete(peer);
      else open.set(peer, left);
    });
    if (count > limit) socket.destroy();
  });
}

/** Those that have not said who they are: whoever does so at once is not shut out by those that never do. */
export function limitHandshakes(server: TlsServer, limit: number): void {
  const waiting = new Map<string, Socket>();
  server.on('connection', (socket) => {
    const peer = endOf(socket);
    const [oldest] = waiting;
    if (waiting.size >= limit && oldest !== undefined) {
      waiting.delete(oldest[0]);
      oldest[1].destroy();
    }
    waiting.set(peer, socket);
    socket.once('close', () => {
      if (waiting.get(peer) === socket) waiting.delete(peer);
    });
  });
  server.on('secureConnection', (socket) => void waiting.delete(endOf(socket)));
}

function endOf({ remoteAddress, remotePort }: Socket): string {
  return `${remoteAddress} ${remotePort}`;
}

/** Clients wait for an answer before they ask again; Node would begin on all that are sent at once. */
const MAX_REQUESTS_AT_ONCE = 16;

/**
 * Answers what has to be asked of every request; false: its connection is cut. While one is worked on, the connection
 * is not closed for others.
 */
export function limitConnections(
  server: Server,
  limit: number,
): (request: IncomingMessage, response: ServerResponse) => boolean {
  /** In the order in which they began to wait. */
  const waiting = new Set<Socket>();
  const requests = new Map<Socket, number>();
  server.on('connection', (socket) => {
    requests.set(socket, 0);
    socket.once('close', () => {
      requests.delete(socket);
      waiting.delete(socket);
    });
    if (requests.size > limit) makeRoom(waiting, socket);
    waiting.add(socket);
  });
  const count = (socket: Socket, step: number) => {
    if (socket.destroyed) return;
    const left = (requests.get(socket) ?? 0) + step;
    requests.set(socket, left);
    if (left === 0) waiting.add(socket);
    else waiting.delete(socket);
  };
  return ({ socket }, response) => {
    if (socket.destroyed) return false;
    if ((requests.get(socket) ?? 0) >= MAX_REQUESTS_AT_ONCE) {
      socket.destroy();
      return false;
    }
    count(socket, 1);
    response.once('close', () => count(socket, -1));
    return true;
  };
}

/** When everybody is being served, the newcomer has to come again. */
function makeRoom(waiting: Set<Socket>, newcomer: Socket): void {
  const [oldest = newcomer] = waiting;
  waiting.delete(oldest);
  oldest.destroy();
}
