// Owns calls over one connection that the side which answers them has opened: HTTP/2, with the two sides the other way
// round. Who answers needs no port of its own, and each side notices when the other is gone.

import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect,
  createServer,
  type IncomingHttpHeaders,
  type ServerHttp2Session,
} from 'node:http2';
import { finished } from 'node:stream';
import type { TLSSocket } from 'node:tls';
import { ServiceError } from '@ironbark/core/errors.ts';
import type { Clock } from '../clock.ts';
import { type CallLimits, callError, readAll } from './call-client.ts';
import { type CallHandler, HEARTBEAT_MS, WATCH_PATH } from './call-server.ts';

/** What both sides say in TLS that the connection is for (ALPN). */
export const CALL_SESSION = 'ironbark-calls/1';

/** Beyond this without a sign of life, the other side is gone. */
const SILENCE_LIMIT_MS = 3 * HEARTBEAT_MS;
const CHECKS_IN_LIMIT = 6;
const MAX_STREAMS = 256;
const MAX_OF_VERB = 4;
/** In units of a million bytes, all streams together. */
const MAX_SESSION_MEMORY = 160;
const OK = 200;

/** The caller's side. Ended by whichever side ends first. */
export interface CallSession extends Disposable {
  readonly ended: Promise<void>;
  call(verb: string, input?: unknown): Promise<unknown>;
  /** Tells of changes until the session ends, and once at its beginning. */
  watch(tell: () => void): void;
}

export interface SessionLimits extends CallLimits {
  /** Calls of one verb at once. Default: 4, so that who asks for consoles keeps nobody from asking for reports. */
  mostOfVerb?: number;
}

export function openCallSession(socket: TLSSocket, limits: SessionLimits): CallSession {
  const session = connect('https://node', {
    createConnection: () => socket,
    settings: { enablePush: false },
    maxSessionMemory: MAX_SESSION_MEMORY,
  });
  // Whatever breaks it ends it, and that is told by `ended`.
  session.on('error', () => {});
  const ended = new Promise<void>((resolve) => session.once('close', () => resolve()));
  keepAlive(session);
  const open = new Map<string, number>();
  const { mostOfVerb = MAX_OF_VERB } = limits;
  const limited = async (verb: string, input: unknown) => {
    const count = open.get(verb) ?? 0;
    if (count >= mostOfVerb) throw tooMany(verb, mostOfVerb);
    open.set(verb, count + 1);
    try {
      return await call(session, limits, { verb, input });
    } finally {
      open.set(verb, open.get(verb)! - 1);
    }
  };
  return {
    ended,
    call: (verb, input = {}) => limited(verb, input),
    watch: (tell) => watch(session, tell),
    [Symbol.dispose]: () => session.destroy(),
  };
}

/** Until the session ends. Without an answer to any ping within the limit, the other side is gone. */
function keepAlive(session: ClientHttp2Session): void {
  let giveUp: NodeJS.Timeout | undefined;
  const beat = setInterval(() => {
    if (session.destroyed) return;
    giveUp ??= setTimeout(() => session.destroy(), SILENCE_LIMIT_MS);
    session.ping((error) => {
      if (error !== null) return;
      clearTimeout(giveUp);
      giveUp = undefined;
    });
  }, HEARTBEAT_MS);
  session.once('close', () => {
    clearInterval(beat);
    clearTimeout(giveUp);
  });
}

async function call(
  session: ClientHttp2Session,
  { timeoutMs, maxAnswerBytes }: CallLimits,
  { verb, input }: { verb: string; input: unknown },
): Promise<unknown> {
  const stream = session.request({ ':method': 'POST', ':path': `/${verb}` });
  // Of the whole call: an answer that trickles would be kept in memory for ever.
  const late = setTimeout(
    () => stream.destroy(new Error(`/${verb}: no answer within ${timeoutMs} ms`)),
    timeoutMs,
  );
  try {
    stream.end(JSON.stringify(input));
    const status = await statusOf(stream, verb);
    const body = await readAll(stream, maxAnswerBytes);
    if (status !== OK) throw callError(verb, status, body);
    return JSON.parse(body.toString('utf8'));
  } finally {
    clearTimeout(late);
  }
}

function tooMany(verb: string, most: number): ServiceError {
  return new ServiceError({
    kind: 'unavailable',
    resource: 'node',
    message: `The node has ${most} calls of ${verb} to answer; try again in a moment.`,
  });
}

/** A stream of a session that ends may close without a word. */
async function statusOf(stream: ClientHttp2Stream, verb: string): Promise<number | undefined> {
  const gone = new AbortController();
  stream.once('close', () => gone.abort());
  try {
    const [headers] = (await once(stream, 'response', { signal: gone.signal })) as [
      IncomingHttpHeaders,
    ];
    return Number(headers[':status']);
  } catch (error) {
    if (gone.signal.aborted) throw new Error(`/${verb}: the connection has ended`);
    throw error;
  }
}

function watch(session: ClientHttp2Session, tell: () => void): void {
  if (session.destroyed || session.closed) return;
  const stream = session.request({ ':method': 'GET', ':path': WATCH_PATH });
  // Its end is the session's, or the other side has no changes to tell.
  stream.on('error', () => {});
  stream.on('data', (bytes: Buffer) => {
    if (bytes.includes('changed')) tell();
  });
  stream.end();
}

/** The side that answers, which has opened the connection. Resolves when it has ended; `signal` ends it. */
export async function answerCalls(
  socket: TLSSocket,
  handler: CallHandler,
  { clock, signal }: { clock: Clock; signal: AbortSignal },
): Promise<void> {
  const server = createServer(
    {
      settings: { maxConcurrentStreams: MAX_STREAMS },
      maxSessionMemory: MAX_SESSION_MEMORY,
    },
    // Node gives both the members that handlers of HTTP/1.1 use.
    (request, response) =>
      void handler.handle(
        request as unknown as IncomingMessage,
        response as unknown as ServerResponse,
      ),
  );
  server.on('sessionError', () => {});
  const opened = once(server, 'session') as Promise<[ServerHttp2Session]>;
  server.emit('connection', socket);
  const [session] = await opened;
  const end = () => session.destroy();
  signal.addEventListener('abort', end, { once: true });
  if (signal.aborted) end();
  const stopLooking = destroyWhenSilent(session, clock);
  try {
    await new Promise<void>((resolve) => {
      if (session.destroyed) resolve();
      session.once('close', () => resolve());
      finished(socket, () => session.destroy());
    });
  } finally {
    stopLooking();
    signal.removeEventListener('abort', end);
    socket.destroy();
  }
}

/** The caller pings: a connection without pings leads nowhere any more. */
function destroyWhenSilent(session: ServerHttp2Session, clock: Clock): () => void {
  let heardMs = clock.monotonicMs();
  session.on('ping', () => {
    heardMs = clock.monotonicMs();
  });
  const look = setInterval(() => {
    if (clock.monotonicMs() - heardMs > SILENCE_LIMIT_MS) session.destroy();
  }, SILENCE_LIMIT_MS / CHECKS_IN_LIMIT);
  return () => clearInterval(look);
}
