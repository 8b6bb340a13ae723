// Owns a client of one NBD export on a Unix socket that outlives its server: whoever asks something waits while nobody
// serves, and what was not answered is asked again over the next connection. Answers come in any order.

import { createConnection, type Socket } from 'node:net';
import { type Clock, waitFor } from '../clock.ts';
import { ByteStream } from './byte-stream.ts';
import { negotiate } from './handshake.ts';
import { NBD_COMMAND, NbdError, parseReply, REPLY_BYTES, renderRequest } from './wire.ts';

export interface NbdClientOptions {
  socketPath: string;
  exportName: string;
  clock: Clock;
  /** At each connection: a volume that has grown is served anew. */
  onSize?: (sizeBytes: number) => void;
}

/** A server is back in a tenth of a second when it is started again. */
const RECONNECT_MS = 50;

interface Request {
  command: number;
  cookie: bigint;
  offset: number;
  length: number;
  /** What is written, or where what is read goes; they stay the request's until it ends. */
  pieces: readonly Buffer[];
  resolve: () => void;
  reject: (error: Error) => void;
}

export class NbdClient {
  readonly #options: NbdClientOptions;
  readonly #unanswered = new Map<bigint, Request>();
  #nextCookie = 0n;
  #sizeBytes = 0;
  #socket: Socket | undefined;
  #isClosed = false;

  private constructor(options: NbdClientOptions) {
    this.#options = options;
  }

  /** Throws when nobody serves within the time. */
  static async connect(options: NbdClientOptions, timeoutMs: number): Promise<NbdClient> {
    const client = new NbdClient(options);
    void client.#run();
    const { clock, exportName } = options;
    try {
      const what = `the server of ${exportName}`;
      await waitFor(() => client.isConnected, { clock, timeoutMs, what, intervalMs: RECONNECT_MS });
    } catch (error) {
      client.close();
      throw error;
    }
    return client;
  }

  get isConnected(): boolean {
    return this.#socket !== undefined;
  }

  /** Of the last connection. */
  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  read(offset: number, into: readonly Buffer[]): Promise<void> {
    return this.#ask(NBD_COMMAND.read, offset, into);
  }

  write(offset: number, from: readonly Buffer[]): Promise<void> {
    return this.#ask(NBD_COMMAND.write, offset, from);
  }

  /** The range reads as zeroes afterwards. */
  zero(offset: number, length: number): Promise<void> {
    return this.#ask(NBD_COMMAND.writeZeroes, offset, [], length);
  }

  /** Nobody needs the range's bytes any more. */
  trim(offset: number, length: number): Promise<void> {
    return this.#ask(NBD_COMMAND.trim, offset, [], length);
  }

  flush(): Promise<void> {
    return this.#ask(NBD_COMMAND.flush, 0, []);
  }

  /** What has not been answered fails. */
  close(): void {
    this.#isClosed = true;
    this.#socket?.destroy();
    this.#socket = undefined;
    const error = new Error('nbd: the client is closed');
    for (const request of this.#unanswered.values()) request.reject(error);
    this.#unanswered.clear();
  }

  #ask(
    command: number,
    offset: number,
    pieces: readonly Buffer[],
    length = pieces.reduce((sum, piece) => sum + piece.length, 0),
  ): Promise<void> {
    if (this.#isClosed) return Promise.reject(new Error('nbd: the client is closed'));
    return new Promise((resolve, reject) => {
      const cookie = this.#nextCookie;
      this.#nextCookie += 1n;
      const request = { command, cookie, offset, length, pieces, resolve, reject };
      this.#unanswered.set(cookie, request);
      this.#send(request);
    });
  }

  #send({ command, cookie, offset, length, pieces }: Request): void {
    const socket = this.#socket;
    if (socket === undefined) return;
    socket.cork();
    socket.write(renderRequest({ flags: 0, command, cookie, offset, length }));
    if (command === NBD_COMMAND.write) for (const piece of pieces) socket.write(piece);
    socket.uncork();
  }

  async #run(): Promise<void> {
    const { socketPath, clock } = this.#options;
    while (!this.#isClosed) {
      const socket = createConnection(socketPath);
      const stream = new ByteStream(socket);
      try {
        await this.#negotiate(stream);
        if (this.#isClosed) break;
        this.#socket = socket;
        for (const request of this.#unanswered.values()) this.#send(request);
        for (;;) await this.#takeReply(stream);
      } catch {
        // Whatever it was: the next connection is asked all of it again.
      } finally {
        this.#socket = undefined;
        socket.destroy();
      }
      await clock.sleep(RECONNECT_MS);
    }
  }

  async #negotiate(stream: ByteStream): Promise<void> {
    const { exportName, onSize } = this.#options;
    const { sizeBytes = this.#sizeBytes } = await negotiate(stream, exportName);
    this.#sizeBytes = sizeBytes;
    onSize?.(sizeBytes);
  }

  async #takeReply(stream: ByteStream): Promise<void> {
    const { cookie, errno } = parseReply(await stream.take(REPLY_BYTES));
    const request = this.#unanswered.get(cookie);
    if (request === undefined) throw new Error('nbd: unexpected reply');
    if (errno === 0 && request.command === NBD_COMMAND.read) {
      for (const piece of request.pieces) await stream.fill(piece);
    }
    this.#unanswered.delete(cookie);
    if (errno === 0) request.resolve();
    else request.reject(new NbdError(`nbd: request failed with errno ${errno}`, errno));
  }
}
