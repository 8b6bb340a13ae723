// Owns one side of the calls between processes of a cloud: HTTP on a Unix socket, one POST a verb with JSON in and out,
// a verb with bytes where there are bytes, and a stream that tells of changes. The caller is not trusted.

import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { isServiceError, ServiceError } from '@ironbark/core/errors.ts';
import { removeFile } from '../files.ts';
import type { Logger } from '../logger.ts';
import { type HttpListener, listen } from './server.ts';

/** Each checks its whole input before it does anything. */
export type Verbs = Readonly<Record<string, (input: unknown) => Promise<unknown>>>;
/** Answers with bytes, and says something about them first. */
export type ByteVerbs = Readonly<
  Record<string, (input: unknown) => Promise<{ answer: unknown; body: Readable }>>
>;

export interface CallHandlerOptions {
  logger: Logger;
  verbs: Verbs;
  byteVerbs?: ByteVerbs;
  onChange?: (listener: () => void) => () => void;
  /** The longest input. */
  maxInputBytes: number;
}

export interface CallServerOptions extends CallHandlerOptions {
  socketPath: string;
  /** Whose members may connect besides the owner. */
  gid?: number;
  admits?: (socket: Socket) => boolean;
}

/** Answers calls, whatever the connection that brought them. */
export interface CallHandler {
  handle(request: IncomingMessage, response: ServerResponse): Promise<void>;
  /** They would stay for as long as there is somebody to listen to. */
  dismissWatchers(): void;
}

export function createCallHandler(options: CallHandlerOptions): CallHandler {
  return new CallServer(options);
}

export const WATCH_PATH = '/changes';
/** What is said of bytes, as JSON in base64. */
export const ANSWER_HEADER = 'x-ironbark-answer';
/** Far above what one caller has under way; a caller that has more is broken. */
const MAX_CALLS = 256;
const MAX_WATCHERS = 16;
const MAX_CONNECTIONS = 512;
/** So many of the longest inputs may be in memory at the same time. */
const LONGEST_INPUTS = 2;
/** Shows a watcher that its connection is alive. */
export const HEARTBEAT_MS = 5_000;
const STATUS = { ok: 200, refused: 422, noSuchVerb: 404, tooLarge: 413, notJson: 400, busy: 503 };

export async function serveCalls(options: CallServerOptions): Promise<HttpListener> {
  await removeFile(options.socketPath);
  const { socketPath, gid, logger, admits } = options;
  const server = new CallServer(options);
  const listener = await listen({
    address: gid === undefined ? { socketPath } : { socketPath, gid },
    logger,
    maxConnections: MAX_CONNECTIONS,
    handler: (request, response) => server.handle(request, response),
    ...(admits === undefined ? {} : { admits }),
  });
  const dispose = async () => {
    server.dismissWatchers();
    await listener[Symbol.asyncDispose]();
  };
  return { port: listener.port, [Symbol.asyncDispose]: dispose };
}

class InputError extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

class CallServer implements CallHandler {
  readonly #options: CallHandlerOptions;
  readonly #watchers = new Set<ServerResponse>();
  #calls = 0;
  #bufferedBytes = 0;

  constructor(options: CallHandlerOptions) {
    this.#options = options;
  }

  dismissWatchers(): void {
    for (const response of this.#watchers) response.destroy();
  }

  async handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    // A caller that goes away is not our error.
    response.on('error', () => {});
    if (request.method === 'GET' && request.url === WATCH_PATH) this.#watch(response);
    else await this.#answer(request, response);
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    this.#calls += 1;
    try {
      if (this.#calls > MAX_CALLS) throw new InputError(STATUS.busy, 'too many calls at once');
      await this.#dispatch(request, response);
    } catch (error) {
      this.#refuse(request, response, error);
    } finally {
      this.#calls -= 1;
    }
  }

  async #dispatch(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { verbs, byteVerbs = {} } = this.#options;
    const name = request.url?.slice(1) ?? '';
    const isKnown = Object.hasOwn(verbs, name) || Object.hasOwn(byteVerbs, name);
    if (request.method !== 'POST' || !isKnown) {
      throw new InputError(STATUS.noSuchVerb, 'there is no such call');
    }
    const input = await this.#readInput(request);
    if (Object.hasOwn(verbs, name)) {
      send(response, STATUS.ok, (await verbs[name]!(input)) ?? null);
      return;
    }
    const { answer, body } = await byteVerbs[name]!(input);
    const said = Buffer.from(JSON.stringify(answer)).toString('base64');
    response.writeHead(STATUS.ok, { [ANSWER_HEADER]: said });
    await pipeline(body, response);
  }

  async #readInput(request: IncomingMessage): Promise<unknown> {
    const { maxInputBytes: max } = this.#options;
    const tooLarge = () => new InputError(STATUS.tooLarge, `the input has more than ${max} bytes`);
    if (Number(request.headers['content-length'] ?? 0) > max) throw tooLarge();
    const chunks: Buffer[] = [];
    let size = 0;
    try {
      for await (const chunk of request) {
        const { length } = chunk as Buffer;
        size += length;
        this.#bufferedBytes += length;
        if (size > max) throw tooLarge();
        if (this.#bufferedBytes > LONGEST_INPUTS * max) {
          throw new InputError(STATUS.busy, 'too many long inputs at once');
        }
        chunks.push(chunk as Buffer);
      }
      return parseInput(chunks);
    } finally {
      this.#bufferedBytes -= size;
    }
  }

  #refuse(request: IncomingMessage, response: ServerResponse, error: unknown): void {
    const { logger } = this.#options;
    if (response.headersSent) {
      logger.warn('a call broke off', { call: request.url, error });
      response.destroy();
    } else if (error instanceof InputError) {
      logger.warn('a call was refused', { status: error.status, reason: error.message });
      send(response, error.status, { message: error.message });
    } else if (isServiceError(error)) {
      const { kind, resource, message, details } = error;
      send(response, STATUS.refused, { kind, resource, message, details });
    } else {
      logger.error('a call failed', { call: request.url, error });
      send(response, 500, { message: 'the call failed; the log says why' });
    }
  }

  /** A line now, one for each change that follows, and one from time to time. */
  #watch(response: ServerResponse): void {
    const { onChange } = this.#options;
    if (onChange === undefined || this.#watchers.size >= MAX_WATCHERS) {
      send(response, onChange === undefined ? STATUS.noSuchVerb : STATUS.busy, {});
      return;
    }
    this.#watchers.add(response);
    response.writeHead(STATUS.ok);
    const tell = (line: string) => {
      // Who does not read has one more line waiting already.
      if (!response.writableNeedDrain) response.write(line);
    };
    tell('changed\n');
    const stop = onChange(() => tell('changed\n'));
    const beat = setInterval(() => tell('alive\n'), HEARTBEAT_MS);
    response.once('close', () => {
      clearInterval(beat);
      stop();
      this.#watchers.delete(response);
    });
  }
}

function parseInput(chunks: readonly Buffer[]): unknown {
  try {
    return JSON.parse(Buffer.concat(chunks).toString('utf8'));
  } catch (error) {
    throw new InputError(STATUS.notJson, error instanceof Error ? error.message : 'not JSON');
  }
}

function send(response: ServerResponse, status: number, value: unknown): void {
  const body = Buffer.from(JSON.stringify(value));
  const headers = { 'content-type': 'application/json', 'content-length': body.length };
  // HTTP/2 has no such header: its connection is for all calls.
  const isOneCall = response.req.httpVersionMajor === 1;
  response.writeHead(status, isOneCall ? { ...headers, connection: 'close' } : headers);
  response.end(body);
}

/** For a contract whose other end is not there yet. */
export function notReadyYet(what: string): ServiceError {
  return new ServiceError({
    kind: 'unavailable',
    resource: 'host',
    message: `${what} is starting; try again in a moment.`,
  });
}
