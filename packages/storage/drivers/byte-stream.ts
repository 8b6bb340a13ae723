// Owns a socket's bytes as its reader wants them: in the lengths that are asked for, and not for ever.

import type { Socket } from 'node:net';
import type { Clock } from '@ironbark/platform/clock.ts';

/** Longer than any disk takes for a few MiB; a daemon that hangs must not hang its reader for good. */
const ANSWER_TIMEOUT_MS = 120_000;

/** Gives a socket's bytes out in the lengths that are asked for, one request at a time. */
export class ByteStream {
  readonly #socket: Socket;
  readonly #clock: Clock;
  readonly #chunks: Buffer[] = [];
  #wake: (() => void) | undefined;
  #ended: Error | undefined;

  constructor(socket: Socket, clock: Clock) {
    this.#socket = socket;
    this.#clock = clock;
    socket.on('data', (chunk: Buffer) => {
      this.#chunks.push(chunk);
      this.#wake?.();
    });
    socket.on('error', (error) => this.#end(error));
    socket.on('close', () => this.#end(new Error('nbd: the server closed the connection')));
  }

  send(bytes: Uint8Array): void {
    this.#socket.write(bytes);
  }

  async take(length: number): Promise<Buffer> {
    const bytes = Buffer.alloc(length);
    await this.fill(bytes);
    return bytes;
  }

  /** Fills `bytes` with what comes next. */
  async fill(bytes: Buffer): Promise<void> {
    let done = 0;
    while (done < bytes.length) {
      const chunk = this.#chunks.shift();
      if (chunk === undefined) {
        await this.#more();
        continue;
      }
      const copied = chunk.copy(bytes, done);
      done += copied;
      if (copied < chunk.length) this.#chunks.unshift(chunk.subarray(copied));
    }
  }

  /** Ends the stream when `work` on it takes too long. */
  async within<Result>(work: () => Promise<Result>): Promise<Result> {
    const done = new AbortController();
    const late = this.#clock.sleep(ANSWER_TIMEOUT_MS, done.signal).then(
      () => this.#end(new Error(`nbd: no answer in ${ANSWER_TIMEOUT_MS} ms`)),
      () => {},
    );
    try {
      return await work();
    } finally {
      done.abort();
      await late;
    }
  }

  close(): void {
    this.#socket.destroy();
  }

  #more(): Promise<void> {
    if (this.#ended !== undefined) return Promise.reject(this.#ended);
    return new Promise((resolve, reject) => {
      this.#wake = () => {
        this.#wake = undefined;
        if (this.#ended === undefined) resolve();
        else reject(this.#ended);
      };
    });
  }

  #end(error: Error): void {
    this.#ended ??= error;
    this.#socket.destroy();
    this.#wake?.();
  }
}
