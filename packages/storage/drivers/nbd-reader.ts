// Owns a reader of NBD exports on a Unix socket (NBD protocol, "fixed newstyle" handshake, simple replies).
//
// Structured replies are never asked for: with them QEMU answers reads from the block status, and QEMU 7.2's
// copy-before-write filter calls regions zero there that were zeroed only after the point in time.

import { connect, type Socket } from 'node:net';
import type { Clock } from '@ironbark/platform/clock.ts';
import type { FrozenReader } from '@ironbark/protocol/internal/block-target.ts';

export interface NbdReaderOptions {
  socketPath: string;
  exportName: string;
  clock: Clock;
}

const HANDSHAKE_MAGIC = Buffer.from('NBDMAGICIHAVEOPT', 'latin1');
const OPTION_MAGIC = HANDSHAKE_MAGIC.subarray(8);
const REPLY_MAGIC = 0x3e889045565a9n;
const REQUEST_MAGIC = 0x25609513;
const SIMPLE_REPLY_MAGIC = 0x67446698;
const OPTION_GO = 7;
const REPLY_ACK = 1;
/** Fixed newstyle, and no padding after the handshake. */
const CLIENT_FLAGS = 3;
/** Replies to options carry export facts and error texts. */
const MAX_REPLY_BYTES = 64 * 1024;
const REPLY_BYTES = 16;
/**
 * The cluster of QEMU's copy-before-write filter. QEMU 7.2 answers a read that spans clusters put aside and
 * clusters untouched with what the volume holds now; within one cluster there is no such mixture.
 */
const PIECE_BYTES = 64 * 1024;
const PIECES_AHEAD = 16;
/** Longer than any disk takes for a few MiB; a daemon that hangs must not hang its reader for good. */
const READ_TIMEOUT_MS = 120_000;

export async function openNbdReader(options: NbdReaderOptions): Promise<FrozenReader> {
  const stream = new ByteStream(connect({ path: options.socketPath }), options.clock);
  try {
    await stream.within(() => negotiate(stream, options.exportName));
  } catch (error) {
    stream.close();
    throw error;
  }
  let tail: Promise<unknown> = Promise.resolve();
  return {
    read: (offset, length) => {
      const next = tail.then(() => stream.within(() => readRange(stream, offset, length)));
      tail = next.catch(() => {});
      return next;
    },
    [Symbol.asyncDispose]: async () => stream.close(),
  };
}

async function negotiate(stream: ByteStream, exportName: string): Promise<void> {
  const hello = await stream.take(HANDSHAKE_MAGIC.length + 2);
  if (!hello.subarray(0, HANDSHAKE_MAGIC.length).equals(HANDSHAKE_MAGIC)) {
    throw new Error('nbd: the peer is no NBD server');
  }
  stream.send(renderGo(exportName));
  for (;;) {
    const head = await stream.take(20);
    if (head.readBigUInt64BE(0) !== REPLY_MAGIC) throw new Error('nbd: unexpected option reply');
    const type = head.readUInt32BE(12);
    const length = head.readUInt32BE(16);
    if (length > MAX_REPLY_BYTES) throw new Error(`nbd: option reply of ${length} bytes`);
    const data = await stream.take(length);
    if (type === REPLY_ACK) return;
    if (type >= 2 ** 31) throw new Error(`nbd: ${exportName}: ${data.toString('utf8')}`);
  }
}

function renderGo(exportName: string): Buffer {
  const name = Buffer.from(exportName, 'utf8');
  const message = Buffer.alloc(4 + 16 + 4 + name.length + 2);
  message.writeUInt32BE(CLIENT_FLAGS, 0);
  OPTION_MAGIC.copy(message, 4);
  message.writeUInt32BE(OPTION_GO, 12);
  message.writeUInt32BE(4 + name.length + 2, 16);
  message.writeUInt32BE(name.length, 20);
  name.copy(message, 24);
  return message;
}

/** Asks for the pieces of a range, a window of them ahead. Answers come in any order. */
async function readRange(stream: ByteStream, offset: number, length: number): Promise<Buffer> {
  const range = Buffer.alloc(length);
  const count = Math.ceil(length / PIECE_BYTES);
  const lengthOf = (piece: number) => Math.min(PIECE_BYTES, length - piece * PIECE_BYTES);
  let failure: NbdReadError | undefined;
  for (let asked = 0, answered = 0; answered < count; answered++) {
    for (; asked < count && asked < answered + PIECES_AHEAD; asked++) {
      stream.send(renderRead(asked, offset + asked * PIECE_BYTES, lengthOf(asked)));
    }
    const { piece, errno } = parseReply(await stream.take(REPLY_BYTES), asked);
    if (errno !== 0) failure = new NbdReadError(offset + piece * PIECE_BYTES, errno);
    else await stream.fill(range.subarray(piece * PIECE_BYTES).subarray(0, lengthOf(piece)));
  }
  if (failure !== undefined) throw failure;
  return range;
}

function renderRead(piece: number, offset: number, length: number): Buffer {
  const request = Buffer.alloc(28);
  request.writeUInt32BE(REQUEST_MAGIC, 0);
  request.writeBigUInt64BE(BigInt(piece), 8);
  request.writeBigUInt64BE(BigInt(offset), 16);
  request.writeUInt32BE(length, 24);
  return request;
}

function parseReply(head: Buffer, asked: number): { piece: number; errno: number } {
  const piece = Number(head.readBigUInt64BE(8));
  if (head.readUInt32BE(0) !== SIMPLE_REPLY_MAGIC || piece >= asked) {
    throw new Error('nbd: unexpected reply');
  }
  return { piece, errno: head.readUInt32BE(4) };
}

/** The server could not read the range; the connection is still good. */
export class NbdReadError extends Error {
  readonly errno: number;

  constructor(offset: number, errno: number) {
    super(`nbd: read at ${offset} failed with errno ${errno}`);
    this.name = 'NbdReadError';
    this.errno = errno;
  }
}

/** Gives a socket's bytes out in the lengths that are asked for, one request at a time. */
class ByteStream {
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
    const late = this.#clock.sleep(READ_TIMEOUT_MS, done.signal).then(
      () => this.#end(new Error(`nbd: no answer in ${READ_TIMEOUT_MS} ms`)),
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
