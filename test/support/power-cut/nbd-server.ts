// Owns the NBD protocol of a server for one disk (fixed newstyle handshake, simple replies), as nbdfuse speaks it.

import type { Socket } from 'node:net';

/** Throws to have the request answered with an I/O error. */
export interface NbdBackend {
  readonly sizeBytes: number;
  read(offset: number, length: number): Buffer;
  write(offset: number, bytes: Buffer): void;
  zero(offset: number, length: number): void;
  flush(): void;
}

const HELLO = Buffer.from('NBDMAGICIHAVEOPT', 'latin1');
/** Fixed newstyle; no zeros after the handshake. */
const HANDSHAKE_FLAGS = 3;
const OPTION = { exportName: 1, abort: 2, info: 6, go: 7 } as const;
const OPTION_REPLY_MAGIC = 0x3e889045565a9n;
const OPTION_REPLY = { ack: 1, info: 3, unsupported: 2 ** 31 + 1 } as const;
/** Has flags, takes FLUSH, FUA, TRIM and WRITE_ZEROES. */
const EXPORT_FLAGS = 1 | (1 << 2) | (1 << 3) | (1 << 5) | (1 << 6);
const REQUEST_MAGIC = 0x25609513;
const REPLY_MAGIC = 0x67446698;
const COMMAND = { read: 0, write: 1, disconnect: 2, flush: 3, trim: 4, writeZeroes: 6 } as const;
const FLAG_FUA = 1;
const ERROR_IO = 5;
/** No client of ours asks for more at a time. */
const MAX_REQUEST_BYTES = 32 * 1024 * 1024;

/** Serves one client until it goes. */
export async function serveNbd(socket: Socket, backend: NbdBackend): Promise<void> {
  const input = new ByteQueue(socket);
  try {
    socket.write(Buffer.concat([HELLO, uint16(HANDSHAKE_FLAGS)]));
    await input.take(4);
    if (await negotiate(socket, input, backend)) await transmit(socket, input, backend);
  } catch (error) {
    if (!(error instanceof EndOfInput)) throw error;
  } finally {
    socket.destroy();
  }
}

/** True once the client has chosen the export; false when it goes away instead. */
async function negotiate(socket: Socket, input: ByteQueue, backend: NbdBackend): Promise<boolean> {
  for (;;) {
    const head = await input.take(16);
    const option = head.readUInt32BE(8);
    await input.take(head.readUInt32BE(12));
    if (option === OPTION.abort) return false;
    if (option === OPTION.exportName) {
      socket.write(describeExport(backend));
      return true;
    }
    if (option !== OPTION.go && option !== OPTION.info) {
      socket.write(optionReply(option, OPTION_REPLY.unsupported));
      continue;
    }
    const info = Buffer.concat([uint16(0), describeExport(backend)]);
    socket.write(optionReply(option, OPTION_REPLY.info, info));
    socket.write(optionReply(option, OPTION_REPLY.ack));
    if (option === OPTION.go) return true;
  }
}

function describeExport(backend: NbdBackend): Buffer {
  const size = Buffer.alloc(8);
  size.writeBigUInt64BE(BigInt(backend.sizeBytes));
  return Buffer.concat([size, uint16(EXPORT_FLAGS)]);
}

function optionReply(option: number, type: number, data: Buffer = Buffer.alloc(0)): Buffer {
  const head = Buffer.alloc(20);
  head.writeBigUInt64BE(OPTION_REPLY_MAGIC);
  head.writeUInt32BE(option, 8);
  head.writeUInt32BE(type, 12);
  head.writeUInt32BE(data.length, 16);
  return Buffer.concat([head, data]);
}

async function transmit(socket: Socket, input: ByteQueue, backend: NbdBackend): Promise<void> {
  for (;;) {
    const head = await input.take(28);
    if (head.readUInt32BE(0) !== REQUEST_MAGIC) throw new Error('nbd: not a request');
    const request = {
      flags: head.readUInt16BE(4),
      command: head.readUInt16BE(6),
      offset: Number(head.readBigUInt64BE(16)),
      length: head.readUInt32BE(24),
    };
    if (request.command === COMMAND.disconnect) return;
    const carriesBytes = request.command === COMMAND.write;
    if (carriesBytes && request.length > MAX_REQUEST_BYTES) throw new Error('nbd: too long');
    const bytes = carriesBytes ? await input.take(request.length) : undefined;
    const outcome = perform(backend, request, bytes);
    const reply = Buffer.alloc(16);
    reply.writeUInt32BE(REPLY_MAGIC);
    reply.writeUInt32BE(outcome === 'failed' ? ERROR_IO : 0, 4);
    head.copy(reply, 8, 8, 16);
    socket.write(Buffer.isBuffer(outcome) ? Buffer.concat([reply, outcome]) : reply);
  }
}

interface Request {
  flags: number;
  command: number;
  offset: number;
  length: number;
}

function perform(
  backend: NbdBackend,
  { flags, command, offset, length }: Request,
  bytes: Buffer | undefined,
): Buffer | 'done' | 'failed' {
  try {
    if (command === COMMAND.read) return backend.read(offset, length);
    if (command === COMMAND.write) backend.write(offset, bytes!);
    else if (command === COMMAND.flush) backend.flush();
    // The kernel's loop device takes discarded bytes for zeros.
    else if (command === COMMAND.trim || command === COMMAND.writeZeroes)
      backend.zero(offset, length);
    else return 'failed';
    if ((flags & FLAG_FUA) !== 0) backend.flush();
    return 'done';
  } catch {
    return 'failed';
  }
}

class EndOfInput extends Error {}

/** The socket's bytes in pieces of the length that is asked for. */
class ByteQueue {
  readonly #chunks: Buffer[] = [];
  #length = 0;
  #wake: (() => void) | undefined;
  #isOver = false;

  constructor(socket: Socket) {
    socket.on('data', (chunk: Buffer) => {
      this.#chunks.push(chunk);
      this.#length += chunk.length;
      this.#wake?.();
    });
    socket.on('error', () => {});
    socket.on('close', () => {
      this.#isOver = true;
      this.#wake?.();
    });
  }

  async take(length: number): Promise<Buffer> {
    while (this.#length < length) {
      if (this.#isOver) throw new EndOfInput();
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    if (this.#chunks.length > 1) this.#chunks.splice(0, Infinity, Buffer.concat(this.#chunks));
    const all = this.#chunks.shift() ?? Buffer.alloc(0);
    this.#length -= length;
    if (all.length > length) this.#chunks.unshift(all.subarray(length));
    return all.subarray(0, length);
  }
}

function uint16(value: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16BE(value);
  return bytes;
}
