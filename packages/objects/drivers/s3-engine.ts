// Owns requests to an S3-compatible engine: signed, over kept connections, none of them without an end. What goes wrong
// there is an outage for whoever asked us, never an error of theirs.

import { type ClientRequest, Agent as HttpAgent, type IncomingMessage, request } from 'node:http';
import { Agent as HttpsAgent, request as secureRequest } from 'node:https';
import type { LookupFunction } from 'node:net';
import { type ErrorKind, isServiceError, ServiceError } from '@ironbark/core/errors.ts';
import { MIB } from '@ironbark/core/units.ts';
import { ByteAllowance } from '@ironbark/platform/byte-allowance.ts';
import type { Clock } from '@ironbark/platform/clock.ts';
import { type Turn, Turns } from '@ironbark/platform/turns.ts';
import { signRequest } from '@ironbark/protocol/sigv4/sign.ts';

export interface EngineSettings {
  /** `http://host:port`; the bucket is named in the path. */
  endpoint: string;
  bucket: string;
  region: string;
  accessKeyId: string;
  secretAccessKey: string;
  /** Of names in `endpoint`, found while the host's files could be seen. Default: looked up at each connection. */
  address?: string;
}

export interface EngineCall {
  method: 'GET' | 'PUT' | 'POST' | 'DELETE' | 'HEAD';
  /** Absent: the bucket itself. */
  key?: string;
  query?: Readonly<Record<string, string>>;
  headers?: Readonly<Record<string, string>>;
}

/** The engine's own answer, where it is no success. */
export class EngineError extends Error {
  readonly status: number;

  constructor(call: EngineCall, status: number, text: string) {
    const code = /<Code>([^<]*)<\/Code>/.exec(text)?.[1] ?? 'no code';
    super(`the object engine: ${call.method} ${call.key ?? 'bucket'}: ${status} ${code}`);
    this.name = 'EngineError';
    this.status = status;
  }
}

/** Reads and uploads last as long as our clients take. Neither holds up the other, nor what is short. */
type Lane = 'reads' | 'uploads' | 'calls';
/** Uploads of a length that nobody has said are gathered in memory. */
type Limited = Lane | 'gathered';

export interface EngineLimits {
  /** Connections of one gateway, and uploads that are gathered; more wait for their turn. */
  most: Readonly<Record<Limited, number>>;
  /** Of bodies that are gathered to be sent in one piece; more wait, unread. */
  smallBytes: number;
  /** For a connection, or for room; then whoever asks is told to slow down. */
  patienceMs: number;
  /** For the sender of such a body, who holds room that others wait for. */
  gatherMs: number;
  /** After it a connection whose bytes nobody takes is closed, and another one opened when somebody does. */
  letGoMs: number;
}

const LIMITS: EngineLimits = {
  most: { reads: 128, uploads: 64, calls: 64, gathered: 64 },
  smallBytes: 128 * MIB,
  patienceMs: 15_000,
  gatherMs: 30_000,
  letGoMs: 2_000,
};
/** Nothing is heard for so long: longer than a sender of ours may stall, whose bytes are passed on as they come. */
const STALL_TIMEOUT_MS = 75_000;
/** Of all but streams of bytes. */
const ANSWER_TIMEOUT_MS = 30_000;
const MAX_DOCUMENT_BYTES = 4 * 1024 * 1024;
/** What can be asked again without harm is, before anybody is told. */
const MAX_ATTEMPTS = 3;
const RETRY_MS = 100;

export class S3Engine implements Disposable {
  readonly #settings: EngineSettings;
  readonly #clock: Clock;
  readonly #limits: EngineLimits;
  readonly #agent: HttpAgent;
  readonly #isSecure: boolean;
  readonly #turns: Readonly<Record<Limited, Turns>>;
  readonly #small: ByteAllowance;

  constructor(settings: EngineSettings, clock: Clock, limits: EngineLimits = LIMITS) {
    this.#settings = settings;
    this.#clock = clock;
    this.#limits = limits;
    this.#isSecure = new URL(settings.endpoint).protocol === 'https:';
    const options = { keepAlive: true };
    this.#agent = this.#isSecure ? new HttpsAgent(options) : new HttpAgent(options);
    const { most, patienceMs, smallBytes: mostBytes } = limits;
    this.#small = new ByteAllowance({ mostBytes, patienceMs, clock });
    const turnsOf = (each: Limited) => new Turns({ most: most[each], patienceMs, clock });
    this.#turns = {
      reads: turnsOf('reads'),
      uploads: turnsOf('uploads'),
      calls: turnsOf('calls'),
      gathered: turnsOf('gathered'),
    };
  }

  [Symbol.dispose](): void {
    this.#agent.destroy();
  }

  /** Small bodies whose digest the engine checks. Asked again while the engine is not well: repeating it does no harm. */
  async call(call: EngineCall, body: Uint8Array | string = ''): Promise<string> {
    return await this.#again(async () => {
      const answer = await this.#exchange('calls', call, body);
      return (await readDocument(answer)).toString('utf8');
    });
  }

  /** The answer to a GET, with its bytes still to come. */
  async open(call: EngineCall): Promise<IncomingMessage> {
    return await this.#again(() => this.#exchange('reads', call, ''));
  }

  /** Stands around the time in which nobody takes bytes of it. */
  pause({ complete, socket }: IncomingMessage): Disposable {
    // All have come: the connection is another request's next.
    if (complete) return NOTHING;
    socket.setTimeout(this.#limits.letGoMs);
    return { [Symbol.dispose]: () => void socket.setTimeout(ANSWER_TIMEOUT_MS) };
  }

  /** A PUT whose bytes come one after another; `lengthBytes` of them. */
  async put(call: EngineCall, lengthBytes: number): Promise<EngineUpload> {
    const headers = { ...call.headers, 'content-length': String(lengthBytes) };
    const begin = () => this.#begin({ ...call, headers }, 'UNSIGNED-PAYLOAD', STALL_TIMEOUT_MS);
    return new EngineUpload(call, await this.#inTurn('uploads', begin));
  }

  async takeTurn(what: Limited): Promise<Turn> {
    const turn = await this.#turns[what].take();
    if (turn === undefined) throw crowded();
    return turn;
  }

  /** For a body that is sent in one piece, and before any of it is read. */
  async takeRoom(bytes: number): Promise<Disposable> {
    const room = await this.#small.take(bytes);
    if (room === undefined) throw crowded();
    return room;
  }

  /** Around the gathering of a body that has room: rejects `late` when it takes too long. */
  limitGathering(): { late: Promise<never> } & Disposable {
    const end = new AbortController();
    const late = this.#clock.sleep(this.#limits.gatherMs, end.signal).then(() => {
      throw slowSender();
    });
    late.catch(() => {});
    return { late, [Symbol.dispose]: () => end.abort() };
  }

  /** Until its connection is free for the next. */
  async #inTurn(lane: Lane, begin: () => ClientRequest): Promise<ClientRequest> {
    const giveBack = await this.takeTurn(lane);
    try {
      return begin().once('close', giveBack);
    } catch (error) {
      giveBack();
      throw error;
    }
  }

  async #exchange(
    lane: Lane,
    call: EngineCall,
    body: Uint8Array | string,
  ): Promise<IncomingMessage> {
    const hasBody = call.method === 'PUT' || call.method === 'POST';
    const length = { 'content-length': String(Buffer.byteLength(body)) };
    const headers = hasBody ? { ...call.headers, ...length } : (call.headers ?? {});
    const begin = () => this.#begin({ ...call, headers }, body, ANSWER_TIMEOUT_MS);
    const outgoing = await this.#inTurn(lane, begin);
    const answered = answerOf(outgoing);
    outgoing.end(hasBody ? body : undefined);
    return await requireSuccess(call, await answered);
  }

  #begin(
    { method, key, query = {}, headers = {} }: EngineCall,
    body: Uint8Array | string,
    timeoutMs: number,
  ): ClientRequest {
    const { endpoint, bucket, region, accessKeyId, secretAccessKey, address } = this.#settings;
    const path = key === undefined ? bucket : `${bucket}/${key}`;
    const url = new URL(`${endpoint.replace(/\/$/, '')}/${path}`);
    url.search = new URLSearchParams(query).toString();
    const isStream = body === 'UNSIGNED-PAYLOAD';
    const signed = signRequest({
      ...{ method, url, headers, service: 's3', region, accessKeyId, secretAccessKey },
      ...(isStream ? { body: '', payloadHash: body } : { body }),
      nowMs: this.#clock.nowMs(),
    });
    const options = { method, headers: signed, agent: this.#agent, timeout: timeoutMs };
    const outgoing = (this.#isSecure ? secureRequest : request)(url, {
      ...options,
      ...fixedLookup(address),
    });
    outgoing.on('timeout', () => outgoing.destroy(new Error('the object engine does not answer')));
    // Whoever waits for the answer hears of it; nobody else has to.
    outgoing.on('error', () => {});
    return outgoing;
  }

  async #again<Result>(attempt: () => Promise<Result>): Promise<Result> {
    for (let attempts = 1; ; attempts++) {
      try {
        return await attempt();
      } catch (error) {
        if (!isPassing(error)) throw error;
        if (attempts >= MAX_ATTEMPTS) throw outage(error);
      }
      await this.#clock.sleep(RETRY_MS * attempts);
    }
  }
}

const NOTHING: Disposable = { [Symbol.dispose]: () => {} };

function isPassing(error: unknown): boolean {
  if (isServiceError(error)) return false;
  return !(error instanceof EngineError) || error.status >= 500 || error.status === 429;
}

const SLOW_DOWN = [429, 503];
const FULL = 507;

/** For those who asked us. A refusal, too: that our key is not taken is no fault of theirs. */
export function outage(cause: unknown): ServiceError {
  if (isServiceError(cause)) return cause;
  const status = cause instanceof EngineError ? cause.status : 0;
  const kind: ErrorKind =
    status === FULL ? 'out-of-space' : SLOW_DOWN.includes(status) ? 'throttled' : 'unavailable';
  return new ServiceError({
    ...{ kind, resource: 'host', cause },
    message:
      kind === 'out-of-space'
        ? 'The object engine has no room for these bytes; nothing was kept.'
        : 'The object engine cannot be used just now. Please try again.',
  });
}

function crowded(): ServiceError {
  return new ServiceError({
    ...{ kind: 'throttled', resource: 'host' },
    message: 'All that may use the object engine at once do. Please reduce your request rate.',
  });
}

function slowSender(): ServiceError {
  return new ServiceError({
    ...{ kind: 'timeout', resource: 'request' },
    message: 'The bytes of this request did not come within the timeout period.',
  });
}

/** One stream of bytes on its way to the engine. */
export class EngineUpload {
  readonly #call: EngineCall;
  readonly #outgoing: ClientRequest;
  readonly #answered: Promise<IncomingMessage>;
  /** Rejects when nothing more can be sent. */
  readonly #cut: Promise<never>;

  constructor(call: EngineCall, outgoing: ClientRequest) {
    this.#call = call;
    this.#outgoing = outgoing;
    this.#answered = answerOf(outgoing);
    this.#answered.catch(() => {});
    // An error comes before it, and is told by the answer that there is not.
    const closed = new Promise<void>((resolve) => void outgoing.once('close', resolve));
    this.#cut = closed.then(() => this.#explainCut());
    this.#cut.catch(() => {});
  }

  /** In order of the calls; nobody may change the bytes before it resolves. */
  async write(bytes: Uint8Array): Promise<void> {
    const taken = new Promise<void>((resolve, reject) => {
      this.#outgoing.write(bytes, (error) => (error ? reject(outage(error)) : resolve()));
    });
    await Promise.race([taken, this.#cut]);
  }

  /**
   * Resolves with their entity tag when the engine has said that it has all of them, and where it says which MD5 they have
   * that is `md5`.
   */
  async finish(md5: () => Promise<Buffer>): Promise<string> {
    this.#outgoing.end();
    try {
      const answer = await requireSuccess(this.#call, await this.#answered);
      await readDocument(answer);
      const etag = (answer.headers.etag ?? '').replaceAll('"', '');
      const isMd5 = MD5.test(etag) && !NO_MD5.some((name) => tellsOf(answer, name));
      if (isMd5 && etag.toLowerCase() !== (await md5()).toString('hex')) {
        throw new Error('the object engine has other bytes than it was sent');
      }
      return etag;
    } catch (error) {
      throw outage(error);
    }
  }

  /** The engine keeps nothing of bytes that are fewer than it was told. */
  abort(): void {
    this.#outgoing.destroy();
  }

  async #explainCut(): Promise<never> {
    const answer = await this.#answered.catch((error: unknown) => {
      throw outage(error);
    });
    throw outage(new Error(`the object engine answered ${answer.statusCode} before the end`));
  }
}

const MD5 = /^[0-9a-f]{32}$/i;
/** The entity tag is none where the engine encrypts so. Source: S3 API reference, "Object": ETag. */
const NO_MD5 = [
  ['x-amz-server-side-encryption', /^aws:kms/],
  ['x-amz-server-side-encryption-customer-algorithm', /./],
] as const;

function tellsOf({ headers }: IncomingMessage, [name, form]: (typeof NO_MD5)[number]): boolean {
  return form.test(String(headers[name] ?? ''));
}

function answerOf(outgoing: ClientRequest): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    outgoing.once('response', resolve);
    outgoing.once('error', reject);
    outgoing.once('close', () => reject(new Error('the object engine closed the connection')));
  });
}

async function requireSuccess(call: EngineCall, answer: IncomingMessage): Promise<IncomingMessage> {
  const status = answer.statusCode ?? 0;
  if (status < 300) return answer;
  const text = (await readDocument(answer)).toString('utf8');
  throw new EngineError(call, status, text);
}

async function readDocument(answer: IncomingMessage): Promise<Buffer> {
  const pieces: Buffer[] = [];
  let length = 0;
  for await (const piece of answer as AsyncIterable<Buffer>) {
    length += piece.length;
    if (length > MAX_DOCUMENT_BYTES) throw new Error('the object engine’s answer has no end');
    pieces.push(piece);
  }
  return Buffer.concat(pieces);
}

function fixedLookup(address: string | undefined): { lookup?: LookupFunction } {
  if (address === undefined) return {};
  const family = address.includes(':') ? 6 : 4;
  return {
    lookup: (_name, { all }, done) => {
      if (all === true) done(null, [{ address, family }]);
      else done(null, address, family);
    },
  };
}
