// Owns the listeners: node:http with limits on everything that a peer can make long.

import { chmod, chown } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Logger } from '../logger.ts';
import { limitConnections, limitPeers } from './connection-limits.ts';

export type HttpHandler = (request: IncomingMessage, response: ServerResponse) => Promise<void>;

/**
 * A TCP address (port 0 takes a free one), or the path of a Unix socket. Only its owner may use that, unless a group
 * is named. Or a socket that is bound already, which becomes the listener's own.
 */
export type ListenAddress =
  | { host: string; port: number }
  | { socketPath: string; gid?: number }
  | { fd: number };

export interface ListenOptions extends ServeOptions {
  address: ListenAddress;
}

export interface ServeOptions {
  handler: HttpHandler;
  logger: Logger;
  /** Node answers `Expect: 100-continue` by itself unless this is true; the handler then does it. */
  handlesContinue?: boolean;
  /** Time for a whole request; 0 for listeners that take large uploads and watch progress themselves. */
  requestTimeoutMs?: number;
  /** More connections than this of one peer are closed at once; no limit of its own when absent. */
  maxConnectionsPerAddress?: number;
  /** Beyond this, a new connection takes the place of the one that has said nothing for longest. */
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
/** Half of the open files that a process may usually have is left for disks and guests. */
const MAX_CONNECTIONS = 10_000;
/** How late a limit of time may be noticed; Node's own is half a minute. */
const CHECK_INTERVAL_MS = 2_000;

export async function listen(options: ListenOptions): Promise<HttpListener> {
  const server = createHttp(options);
  await started(server, options.address);
  if ('socketPath' in options.address) await protect(options.address);
  const bound = server.address();
  const port = bound !== null && typeof bound === 'object' ? bound.port : 0;
  return { port, [Symbol.asyncDispose]: () => close(server) };
}

/** HTTP on connections that somebody else has taken, who looks after their number. */
export interface HttpIntake extends AsyncDisposable {
  take(socket: Socket): void;
}

export function serveTaken(options: ServeOptions): HttpIntake {
  const server = createHttp(options);
  // Node begins to keep account of connections, and of their limits of time, when a server begins to listen.
  server.emit('listening');
  return {
    take: (socket) => void server.emit('connection', socket),
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      server.close();
    },
  };
}

function createHttp(options: ServeOptions): Server {
  const requestTimeout = options.requestTimeoutMs ?? REQUEST_TIMEOUT_MS;
  const longestMs = requestTimeout === 0 ? Number.POSITIVE_INFINITY : requestTimeout;
  const server = createServer({
    keepAliveTimeout: KEEP_ALIVE_MS,
    headersTimeout: Math.min(HEADERS_TIMEOUT_MS, longestMs),
    requestTimeout,
    connectionsCheckingInterval: Math.min(CHECK_INTERVAL_MS, longestMs),
    maxHeaderSize: MAX_HEADER_BYTES,
    noDelay: true,
  });
  const mayServe = limitConnections(server, options.maxConnections ?? MAX_CONNECTIONS);
  const handle = (request: IncomingMessage, response: ServerResponse) => {
    if (!mayServe(request, response)) return;
    if (isAmbiguous(request)) {
      response.writeHead(400, { connection: 'close' }).end();
      return;
    }
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
  return server;
}

/** Until here the process's umask keeps all others from writing, which is what connecting takes. */
async function protect({ socketPath, gid }: { socketPath: string; gid?: number }): Promise<void> {
  if (gid !== undefined) await chown(socketPath, -1, gid);
  await chmod(socketPath, gid === undefined ? 0o600 : 0o660);
}

/** Two hosts: a proxy may have chosen the other one. Node refuses the other ways to be read as two requests. */
function isAmbiguous({ rawHeaders }: IncomingMessage): boolean {
  const names = rawHeaders.filter((_, at) => at % 2 === 0);
  return names.filter((name) => name.toLowerCase() === 'host').length > 1;
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
