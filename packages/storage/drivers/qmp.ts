// Owns the control connection to a storage daemon: QMP, one JSON object a line, answers in order of asking.

import { connect, type Socket } from 'node:net';
import type { Clock } from '@ironbark/platform/clock.ts';

export interface QmpOptions {
  socketPath: string;
  clock: Clock;
  /** Called for a connection that was good; what never opened only throws. */
  onClose: (connection: QmpConnection) => void;
}

/** Answers of ours are a few KiB; query-named-block-nodes the longest. */
const MAX_LINE_BYTES = 4 * 1024 * 1024;
/** The daemon answers in milliseconds; closing an export drains the requests under way first. */
const COMMAND_TIMEOUT_MS = 20_000;
/** The daemon talks to one client at a time, and greets at once when it has none. */
const GREETING_TIMEOUT_MS = 3_000;

/** The daemon refused a command. */
export class QmpError extends Error {
  readonly command: string;

  constructor(command: string, description: string) {
    super(`${command}: ${description}`);
    this.name = 'QmpError';
    this.command = command;
  }
}

interface Waiting {
  command: string;
  resolve(value: unknown): void;
  reject(error: Error): void;
}

interface QmpMessage {
  QMP?: unknown;
  return?: unknown;
  error?: { desc?: string };
  event?: string;
}

export class QmpConnection {
  readonly #socket: Socket;
  readonly #clock: Clock;
  readonly #waiting: Waiting[] = [];
  #buffer = '';
  #closed = false;

  private constructor(socket: Socket, clock: Clock) {
    this.#socket = socket;
    this.#clock = clock;
  }

  static async open(options: QmpOptions): Promise<QmpConnection> {
    const socket = connect({ path: options.socketPath });
    const connection = new QmpConnection(socket, options.clock);
    const greeting = connection.#expect('greeting');
    socket.setEncoding('utf8');
    socket.on('data', (text: string) => connection.#receive(text));
    socket.on('error', (error) => connection.#fail(error));
    socket.on('close', () =>
      connection.#fail(new Error('the storage daemon closed its control connection')),
    );
    try {
      await connection.#within(greeting, 'greeting', GREETING_TIMEOUT_MS);
      await connection.#ask('qmp_capabilities', {}, GREETING_TIMEOUT_MS);
      socket.on('close', () => options.onClose(connection));
      return connection;
    } catch (error) {
      connection.close();
      throw error;
    }
  }

  get isOpen(): boolean {
    return !this.#closed;
  }

  async execute<Result = unknown>(
    command: string,
    args: Readonly<Record<string, unknown>> = {},
  ): Promise<Result> {
    return (await this.#ask(command, args, COMMAND_TIMEOUT_MS)) as Result;
  }

  close(): void {
    this.#socket.destroy();
  }

  #ask(
    command: string,
    args: Readonly<Record<string, unknown>>,
    timeoutMs: number,
  ): Promise<unknown> {
    const answer = this.#expect(command);
    this.#socket.write(`${JSON.stringify({ execute: command, arguments: args })}\n`);
    return this.#within(answer, command, timeoutMs);
  }

  #expect(command: string): Promise<unknown> {
    if (this.#closed) return Promise.reject(new Error('the control connection is closed'));
    return new Promise((resolve, reject) => this.#waiting.push({ command, resolve, reject }));
  }

  /** A late answer would be taken for the next one, so a time-out ends the connection. */
  async #within(answer: Promise<unknown>, what: string, timeoutMs: number): Promise<unknown> {
    const done = new AbortController();
    const late = this.#clock.sleep(timeoutMs, done.signal).then(
      () => this.#fail(new Error(`${what}: the storage daemon did not answer in ${timeoutMs} ms`)),
      () => {},
    );
    try {
      return await answer;
    } finally {
      done.abort();
      await late;
    }
  }

  #receive(text: string): void {
    this.#buffer += text;
    if (this.#buffer.length > MAX_LINE_BYTES) {
      this.#fail(new Error('the storage daemon sent a line without end'));
      return;
    }
    let end = this.#buffer.indexOf('\n');
    while (end >= 0) {
      this.#accept(JSON.parse(this.#buffer.slice(0, end)) as QmpMessage);
      this.#buffer = this.#buffer.slice(end + 1);
      end = this.#buffer.indexOf('\n');
    }
  }

  #accept(message: QmpMessage): void {
    if (message.event !== undefined) return;
    const waiting = this.#waiting.shift();
    if (waiting === undefined) return;
    if (message.error === undefined) waiting.resolve(message.return);
    else waiting.reject(new QmpError(waiting.command, message.error.desc ?? 'refused'));
  }

  #fail(error: Error): void {
    this.#closed = true;
    this.#socket.destroy();
    for (const waiting of this.#waiting.splice(0)) waiting.reject(error);
  }
}
