// Owns the listeners: node:http with limits on everything that a peer can make long.

import { chmod, chown } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Logger } from '../logger.ts';

export type HttpHandler = (request: IncomingMessage, response: ServerResponse) => Promise<void>;

/**
 * A TCP address (port 0 takes a free one), or the path of a Unix socket. Only its owner may use that, unless a group
 * is named.
 */
export type ListenAddress = { host: string; port: number } | { socketPath: string; gid?: number };

export interface ListenOptions {
  address: ListenAddress;
  handler: HttpHandler;
  logger: Logger;
  /** Node answers `Expect: 100-continue` by itself unless this is true; the handler then does it. */
  handlesContinue?: boolean;
  /** Time for a whole request; 0 for listeners that take large uploads and watch progress themselves. */
  requestTimeoutMs?: number;
  /** More connections than this of one peer are closed at once; no limit of its own when absent. */
  maxConnectionsPerAddress?: number;
  /** Of all peers together. */
  maxConnections?: number;
  /** Whether a peer may speak at all; all may when absent. */
  admits?: (socket: Socket) => boolean;
}

export interface HttpListener extends AsyncDisposable {
  /** The TCP port; 0 on a Unix socket. */
  readonly port: number;
}

/** AWS's clients pool connections for up to a minute; closing first would race their next request. */
const KEEP_ALIVE_MS = 75_000;
const HEADERS_TIMEOUT_MS = 20_000;
const REQUEST_TIMEOUT_MS = 60_000;
/** S3 allows 8 KiB of headers with 2 KiB of them user metadata; a long signed query adds to that. */
const MAX_HEADER_BYTES = 32 * 1024;
const MAX_CONNECTIONS = 10_000;

export async function listen(options: ListenOptions): Promise<HttpListener> {
  const server = createServer({
    keepAliveTimeout: KEEP_ALIVE_MS,
    headersTimeout: HEADERS_TIMEOUT_MS,
    requestTimeout: options.requestTimeoutMs ?? REQUEST_TIMEOUT_MS,
    maxHeaderSize: MAX_HEADER_BYTES,
    noDelay: true,
  });
  server.maxConnections = options.maxConnections ?? MAX_CONNECTIONS;
  const handle = (request: IncomingMessage, response: ServerResponse) => {
    options.handler(request, response).catch((error: unknown) => {
      options.logger.error('request handler failed', { error });
      if (!response.headersSent) response.writeHead(500);
      response.end();
    });
  };
  if (options.maxConnectionsPerAddress !== undefined) {
    limitPeers(server, options.maxConnectionsPerAddress);
  }
  const { admits } = options;
  if (admits !== undefined) {
    server.on('connection', (socket) => {
      if (!admits(socket)) socket.destroy();
    });
  }
  server.on('request', handle);
  if (options.handlesContinue === true) server.on('checkContinue', handle);
  // Node would answer 417 to any other expectation; AWS does not look at it.
  server.on('checkExpectation', handle);
  await started(server, options.address);
  if ('socketPath' in options.address) await protect(options.address);
  const bound = server.address();
  const port = bound !== null && typeof bound === 'object' ? bound.port : 0;
  return { port, [Symbol.asyncDispose]: () => close(server) };
}

/** Until here the process's umask keeps all others from writing, which is what connecting takes. */
async function protect({ socketPath, gid }: { socketPath: string; gid?: number }): Promise<void> {
  if (gid !== undefined) await chown(socketPath, -1, gid);
  await chmod(socketPath, gid === undefined ? 0o600 : 0o660);
}

function limitPeers(server: Server, limit: number): void {
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

function started(server: Server, address: ListenAddress): Promise<void> {
  const where = 'socketPath' in address ? { path: address.socketPath } : address;
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(where, () => {
      server.off('error', reject);
      resolve();
    });
  });
}

/** Requests under way get this long to end before their connections are cut. */
const CLOSE_GRACE_MS = 2_000;

async function close(server: Server): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  server.closeIdleConnections();
  const cut = setTimeout(() => server.closeAllConnections(), CLOSE_GRACE_MS);
  await closed;
  clearTimeout(cut);
}
