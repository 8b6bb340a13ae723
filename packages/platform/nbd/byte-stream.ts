// Owns a socket's bytes as they are asked for: so many at a time, no more than a bound ahead.

import type { Socket } from 'node:net';

/** More than this waits in the kernel, and then at the peer. */
const MAX_AHEAD_BYTES = 4 * 1024 * 1024;

/** The peer has gone; every call from then on fails with it. */
export class EndOfStreamError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'EndOfStreamError';
  }
}

/** One caller at a time. */
export class ByteStream {
  readonly #socket: Socket;
  #chunks: Buffer[] = [];
  #ahead = 0;
  #wake: (() => void) | undefined;
  #ended: Error | undefined;

  constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('data', (chunk: Buffer) => {
      this.#chunks.push(chunk);
      this.#ahead += chunk.length;
      if (this.#ahead > MAX_AHEAD_BYTES) socket.pause();
      this.#wake?.();
    });
    socket.on('error', (error) => this.end(error));
    socket.on('close', () => this.end(new EndOfStreamError('nbd: the peer closed the connection')));
  }

  async take(length: number): Promise<Buffer> {
    const bytes = Buffer.allocUnsafe(length);
    await this.fill(bytes);
    return bytes;
  }

  /** Fills `bytes` with what comes next. */
  async fill(bytes: Buffer): Promise<void> {
    let done = 0;
    while (done < bytes.length) {
      const chunk = this.#chunks[0];
      if (chunk === undefined) {
        await this.#more();
        continue;
      }
      const copied = chunk.copy(bytes, done);
      done += copied;
      this.#drop(chunk, copied);
    }
  }

  /** Passes over so many that come next. */
  async skip(length: number): Promise<void> {
    let left = length;
    while (left > 0) {
      const chunk = this.#chunks[0];
      if (chunk === undefined) {
        await this.#more();
        continue;
      }
      const passed = Math.min(left, chunk.length);
      left -= passed;
      this.#drop(chunk, passed);
    }
  }

  /** `rest` follows at once, with nothing in between. Resolves when the kernel has the bytes. */
  send(bytes: Uint8Array, rest?: Uint8Array): Promise<void> {
    if (this.#ended !== undefined) return Promise.reject(this.#ended);
    return new Promise((resolve, reject) => {
      this.#socket.cork();
      if (rest !== undefined) this.#socket.write(bytes);
      this.#socket.write(rest ?? bytes, (error) => (error == null ? resolve() : reject(error)));
      this.#socket.uncork();
    });
  }

  /** Fails what waits, and closes the connection. */
  end(error: Error): void {
    this.#ended ??= error;
    this.#socket.destroy();
    this.#wake?.();
  }

  #drop(chunk: Buffer, length: number): void {
    this.#ahead -= length;
    if (length === chunk.length) this.#chunks.shift();
    else this.#chunks[0] = chunk.subarray(length);
  }

  #more(): Promise<void> {
    if (this.#ended !== undefined) return Promise.reject(this.#ended);
    this.#socket.resume();
    return new Promise((resolve, reject) => {
      this.#wake = () => {
        this.#wake = undefined;
        if (this.#chunks.length > 0 || this.#ended === undefined) resolve();
        else reject(this.#ended);
      };
    });
  }
}
