// Owns the other side of the calls between processes of a cloud: deadlines, limits on answers, errors that come out as
// they went in, and a stream of changes that is taken up again whenever it breaks.

import { type IncomingMessage, request } from 'node:http';
import { createConnection, type Socket } from 'node:net';
import { finished, type Readable } from 'node:stream';
import { type ErrorKind, type ErrorResource, ServiceError } from '@ironbark/core/errors.ts';
import type { Clock } from '../clock.ts';
import { connectToSocketOf } from '../sockets.ts';
import { ANSWER_HEADER, HEARTBEAT_MS, WATCH_PATH } from './call-server.ts';

export type CallPlace =
  /** With `ownerUid`, for a caller with more rights than the other side: only a socket of this user's, never a link. */
  | { socketPath: string; ownerUid?: number }
  /** Another way to a connection, which is for one call. */
  | { dial: () => Promise<Socket> };

export type CallClientOptions = CallPlace & CallLimits;

export interface CallLimits {
  clock: Clock;
  /** Within which an answer has to be whole, or bytes have to go on. */
  timeoutMs: number;
  maxAnswerBytes: number;
}

/** Stops watching for changes when it is disposed; calls need no end. */
export interface CallClient extends Disposable {
  call(verb: string, input?: unknown): Promise<unknown>;
  callForBytes(verb: string, input?: unknown): Promise<{ answer: unknown; body: Readable }>;
  onChange(listener: () => void): () => void;
}

const RECONNECT_START_MS = 50;
const RECONNECT_LIMIT_MS = 1_000;
const SILENCE_LIMIT_MS = 3 * HEARTBEAT_MS;
const OK = 200;

export function openCallClient(options: CallClientOptions): CallClient {
  const listeners = new Set<() => void>();
  const stop = new AbortController();
  let isWatching = false;
  return {
    call: async (verb, input = {}) => {
      const response = await exchange(options, verb, input);
      return JSON.parse((await readAll(response, options.maxAnswerBytes)).toString('utf8'));
    },
    callForBytes: async (verb, input = {}) => {
      const body = await exchange(options, verb, input);
      const said = Buffer.from(String(body.headers[ANSWER_HEADER] ?? ''), 'base64');
      return { answer: JSON.parse(said.toString('utf8')), body };
    },
    onChange: (listener) => {
      listeners.add(listener);
      if (!isWatching) void watchForever(options, listeners, stop.signal);
      isWatching = true;
      return () => listeners.delete(listener);
    },
    [Symbol.dispose]: () => stop.abort(),
  };
}

/** The answer's beginning; one that is no success is thrown. */
async function exchange(
  options: CallClientOptions,
  verb: string,
  input: unknown,
): Promise<IncomingMessage> {
  const body = Buffer.from(JSON.stringify(input));
  const response = await send(options, { method: 'POST', path: `/${verb}`, body });
  if (response.statusCode === OK) return response;
  const said = await readAll(response, options.maxAnswerBytes);
  throw callError(verb, response.statusCode, said);
}

interface Outgoing {
  method: string;
  path: string;
  body?: Buffer;
  signal?: AbortSignal;
  silenceMs?: number;
}

async function send(options: CallClientOptions, outgoing: Outgoing): Promise<IncomingMessage> {
  const socket = await connect(options);
  const { method, path, body, signal } = outgoing;
  const silenceMs = outgoing.silenceMs ?? options.timeoutMs;
  return await new Promise((resolve, reject) => {
    const made = request({
      createConnection: () => socket,
      method,
      path,
      headers: { host: 'ironbark', 'content-length': body?.length ?? 0 },
      ...(signal === undefined ? {} : { signal }),
    });
    const giveUp = () => made.destroy(new Error(`${path}: no answer within ${silenceMs} ms`));
    made.setTimeout(silenceMs, giveUp);
    made.once('error', reject);
    made.once('response', resolve);
    made.end(body);
  });
}

function connect(options: CallClientOptions): Socket | Promise<Socket> {
  if ('dial' in options) return options.dial();
  const { socketPath, ownerUid } = options;
  return ownerUid === undefined
    ? createConnection(socketPath)
    : connectToSocketOf(ownerUid, socketPath);
}

export async function readAll(response: Readable, maxBytes: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of response) {
    size += (chunk as Buffer).length;
    if (size > maxBytes) {
      response.destroy();
      throw new Error(`the answer has more than ${maxBytes} bytes`);
    }
    chunks.push(chunk as Buffer);
  }
  return Buffer.concat(chunks);
}

interface WireError {
  kind?: ErrorKind;
  resource?: ErrorResource;
  message?: string;
  details?: Record<string, string>;
}

/** What the other side has said of a call that it has not done. */
export function callError(verb: string, status: number | undefined, body: Buffer): Error {
  const { kind, resource, message, details } = parseError(body);
  const text = message ?? `${verb}: status ${status}`;
  if (kind === undefined || resource === undefined) return new Error(`${verb}: ${text}`);
  return new ServiceError({ kind, resource, message: text, details: details ?? {} });
}

function parseError(body: Buffer): WireError {
  try {
    return (JSON.parse(body.toString('utf8')) ?? {}) as WireError;
  } catch {
    return {};
  }
}

/** Each connection begins with a change: something may have happened while there was none. */
async function watchForever(
  options: CallClientOptions,
  listeners: ReadonlySet<() => void>,
  signal: AbortSignal,
): Promise<void> {
  let pauseMs = RECONNECT_START_MS;
  const tell = () => {
    pauseMs = RECONNECT_START_MS;
    for (const listener of listeners) listener();
  };
  while (!signal.aborted) {
    await watchOnce(options, tell, signal).catch(() => {
      // The other side is away; asking again is all there is to do.
    });
    await options.clock.sleep(pauseMs, signal).catch(() => {});
    pauseMs = Math.min(2 * pauseMs, RECONNECT_LIMIT_MS);
  }
}

async function watchOnce(
  options: CallClientOptions,
  tell: () => void,
  signal: AbortSignal,
): Promise<void> {
  const asked = { method: 'GET', path: WATCH_PATH, signal, silenceMs: SILENCE_LIMIT_MS };
  const response = await send(options, asked);
  if (response.statusCode !== OK) {
    response.destroy();
    return;
  }
  response.on('data', (bytes: Buffer) => {
    if (bytes.includes('changed')) tell();
  });
  await new Promise<void>((resolve) => finished(response, () => resolve()));
}
