// Owns the listeners: node:http with limits on everything that a peer can make long.

import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Logger } from '../logger.ts';

export type HttpHandler = (request: IncomingMessage, response: ServerResponse) => Promise<void>;

export interface ListenOptions {
  host: string;
  /** 0 takes a free one. */
  port: number;
  handler: HttpHandler;
  logger: Logger;
  /** Node answers `Expect: 100-continue` by itself unless this is true; the handler then does it. */
  handlesContinue?: boolean;
  /** Time for a whole request; 0 for listeners that take large uploads and watch progress themselves. */
  requestTimeoutMs?: number;
}

export interface HttpListener extends AsyncDisposable {
  readonly host: string;
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
  server.maxConnections = MAX_CONNECTIONS;
  const handle = (request: IncomingMessage, response: ServerResponse) => {
    options.handler(request, response).catch((error: unknown) => {
      options.logger.error('request handler failed', { error });
      if (!response.headersSent) response.writeHead(500);
      response.end();
    });
  };
  server.on('request', handle);
  if (options.handlesContinue === true) server.on('checkContinue', handle);
  // Node would answer 417 to any other expectation; AWS does not look at it.
  server.on('checkExpectation', handle);
  await started(server, options);
  const { port } = server.address() as AddressInfo;
  return { host: options.host, port, [Symbol.asyncDispose]: () => close(server) };
}

function started(server: Server, options: ListenOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port, options.host, () => {
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
