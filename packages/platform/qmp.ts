// Owns the conversation with a process of QEMU: QMP over its Unix socket, one JSON document a line.

import { createConnection, type Socket } from 'node:net';
import { type Clock, TimeoutError } from './clock.ts';
import { sendWithDescriptor } from './descriptor-passing.ts';
import { openPlace } from './sockets.ts';

export interface QmpEvent {
  event: string;
  data: Readonly<Record<string, unknown>>;
}

/** QEMU's refusal of a command. */
export class QmpError extends Error {
  readonly errorClass: string;

  constructor(command: string, errorClass: string, description: string) {
    super(`${command}: ${description}`);
    this.name = 'QmpError';
    this.errorClass = errorClass;
  }
}

export interface QmpOptions {
  socketPath: string;
  clock: Clock;
  /** The socket must belong to this user; another one could have put its own in its place. Anybody's when absent. */
  ownerUid?: number | undefined;
  /** How long a command may take that does not say otherwise. */
  timeoutMs: number;
  /** As `timeoutMs` when absent. QEMU talks to one client at a time, and greets at once when it has none. */
  greetingTimeoutMs?: number;
  /** Whether to hang up on a process that does not answer in time; its late answers are dropped anyhow. */
  hangsUpWhenLate?: boolean;
  onEvent?: (event: QmpEvent) => void;
  /** Called for a connection that was good: the process is gone, or one side has hung up. */
  onClose?: (client: QmpClient) => void;
}

export interface QmpClient {
  readonly isOpen: boolean;
  /** `Result` is what the command is known to answer; nothing checks it. */
  execute<Result = unknown>(
    command: string,
    parameters?: Readonly<Record<string, unknown>>,
    timeoutMs?: number,
  ): Promise<Result>;
  /** Gives the process a copy of an open file, which a later command takes by this name. */
  passDescriptor(name: string, fd: number): Promise<void>;
  close(): void;
}

/** The longest answers are query-named-block-nodes and a console ring of 128 KiB in base64. QEMU is not trusted with more. */
const MAX_LINE_CHARACTERS = 4 * 1024 * 1024;

interface Waiting {
  command: string;
  resolve(value: unknown): void;
  reject(error: Error): void;
}

/** Connects, reads the greeting and leaves the negotiation mode. */
export async function connectQmp(options: QmpOptions): Promise<QmpClient> {
  const session = new QmpSession(await openSocket(options), options);
  try {
    await session.greet();
    return session;
  } catch (error) {
    session.close();
    throw error;
  }
}

class QmpSession implements QmpClient {
  readonly #socket: Socket;
  readonly #options: QmpOptions;
  readonly #waiting = new Map<number, Waiting>();
  readonly #greeting = Promise.withResolvers<void>();
  #nextId = 1;
  #partial = '';
  #isOpen = true;
  #isGood = false;

  constructor(socket: Socket, options: QmpOptions) {
    this.#socket = socket;
    this.#options = options;
    this.#greeting.promise.catch(() => {});
    if (socket.destroyed) this.#ended();
    socket.on('close', () => this.#ended());
    socket.setEncoding('utf8');
    socket.on('data', (text) => this.#read(String(text)));
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  async greet(): Promise<void> {
    const timeoutMs = this.#options.greetingTimeoutMs ?? this.#options.timeoutMs;
    await this.#within(this.#greeting.promise, 'greeting', timeoutMs);
    await this.execute('qmp_capabilities', undefined, timeoutMs);
    this.#isGood = true;
  }

  execute<Result = unknown>(
    command: string,
    parameters?: Readonly<Record<string, unknown>>,
    timeoutMs = this.#options.timeoutMs,
  ): Promise<Result> {
    const send = (line: string) => void this.#socket.write(line);
    return this.#ask<Result>(command, { parameters, timeoutMs }, send);
  }

  async passDescriptor(name: string, fd: number): Promise<void> {
    const { timeoutMs } = this.#options;
    const send = (line: string) => sendWithDescriptor(this.#socket, line, fd);
    await this.#ask('getfd', { parameters: { fdname: name }, timeoutMs }, send);
  }

  async #ask<Result>(
    command: string,
    request: { parameters: Readonly<Record<string, unknown>> | undefined; timeoutMs: number },
    send: (line: string) => void,
  ): Promise<Result> {
    const id = this.#nextId++;
    if (!this.#isOpen) throw new Error(`${command}: QEMU has hung up`);
    const reply = new Promise<unknown>((resolve, reject) => {
      this.#waiting.set(id, { command, resolve, reject });
    });
    try {
      send(`${JSON.stringify({ execute: command, arguments: request.parameters, id })}\n`);
      return await this.#within(reply as Promise<Result>, command, request.timeoutMs);
    } finally {
      this.#waiting.delete(id);
    }
  }

  close(): void {
    this.#isOpen = false;
    this.#socket.destroy();
  }

  #read(text: string): void {
    const lines = (this.#partial + text).split('\n');
    this.#partial = lines.pop() ?? '';
    if (this.#partial.length > MAX_LINE_CHARACTERS) this.close();
    for (const line of lines) this.#take(line);
  }

  #take(line: string): void {
    const message = parseMessage(line);
    if ('QMP' in message) this.#greeting.resolve();
    else if (typeof message['event'] === 'string') {
      const data = (message['data'] ?? {}) as QmpEvent['data'];
      this.#options.onEvent?.({ event: message['event'], data });
    } else this.#answer(message);
  }

  #answer(message: Record<string, unknown>): void {
    const waiting = this.#waiting.get(Number(message['id']));
    if (waiting === undefined) return;
    const error = message['error'] as { class: string; desc: string } | undefined;
    if (error === undefined) waiting.resolve(message['return']);
    else waiting.reject(new QmpError(waiting.command, error.class, error.desc));
  }

  #ended(): void {
    this.#isOpen = false;
    this.#greeting.reject(new Error('greeting: QEMU has hung up'));
    for (const { command, reject } of this.#waiting.values()) {
      reject(new Error(`${command}: QEMU has hung up`));
    }
    if (this.#isGood) this.#options.onClose?.(this);
  }

  async #within<T>(promise: Promise<T>, what: string, timeoutMs: number): Promise<T> {
    const timer = new AbortController();
    const expiry = this.#options.clock.sleep(timeoutMs, timer.signal).then(
      () => {
        if (this.#options.hangsUpWhenLate === true) this.close();
        throw new TimeoutError(`QMP ${what}: no answer within ${timeoutMs} ms`);
      },
      () => new Promise<never>(() => {}),
    );
    try {
      return await Promise.race([promise, expiry]);
    } finally {
      timer.abort();
    }
  }
}

/** A line that is not an object is QEMU breaking its own protocol; it is treated as an empty one. */
function parseMessage(line: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}

/**
 * Connects through a handle on the socket: that works however long the path is (a socket's name holds 107 bytes), and
 * what was looked at cannot be swapped for a link to something else in between.
 */
async function openSocket(options: QmpOptions): Promise<Socket> {
  const place = await openPlace(options.socketPath);
  try {
    const facts = await place.stat();
    const isOwned = options.ownerUid === undefined || facts.uid === options.ownerUid;
    if (!facts.isSocket() || !isOwned) {
      throw new Error(`${options.socketPath} is not its process's own socket`);
    }
    return await connected(createConnection(`/proc/self/fd/${place.fd}`));
  } finally {
    await place.close();
  }
}

function connected(socket: Socket): Promise<Socket> {
  return new Promise((resolve, reject) => {
    // Later errors are followed by `close`, which fails what is waiting.
    socket.on('error', reject);
    socket.once('connect', () => resolve(socket));
  });
}
