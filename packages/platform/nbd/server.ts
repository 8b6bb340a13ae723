// Owns the server's side of an NBD connection: the client chooses an export, then its requests are worked on at
// the same time, up to a bound, and answered as they are done.
//
//   const server = createServer((socket) => void serveNbd(socket, { find: (name) => disks.get(name) }));
//
// A disk's methods are called in the order in which the requests came. Whoever needs one request at a time, or a
// flush that waits for the writes before it, queues them: the protocol leaves both to the server.

import type { Socket } from 'node:net';
import { ByteStream } from './byte-stream.ts';
import {
  CLIENT_FLAGS_BYTES,
  MAX_REQUEST_BYTES,
  NBD_COMMAND,
  NBD_ERROR,
  NBD_FORCE_UNIT_ACCESS,
  NBD_OPTION,
  NBD_OPTION_REPLY,
  NbdError,
  type NbdExportFacts,
  type NbdRequest,
  OPTION_HEAD_BYTES,
  parseExportName,
  parseOptionHead,
  parseRequest,
  REQUEST_BYTES,
  renderExport,
  renderExportInfos,
  renderHello,
  renderListed,
  renderOptionReply,
  renderReply,
  wantsZeroes,
} from './wire.ts';

type Answer<T> = T | Promise<T>;

/** Throw NbdError for an errno of its own; anything else is answered as an I/O error. */
export interface ReadableDisk {
  readonly sizeBytes: number;
  /** Offsets and lengths are multiples of it; 1 when absent. */
  readonly blockBytes?: number;
  /** What it gives is sent and not kept. */
  read(offset: number, length: number): Answer<Buffer>;
}

export interface WritableDisk extends ReadableDisk {
  write(offset: number, bytes: Buffer): Answer<void>;
  zero(offset: number, length: number): Answer<void>;
  /** `zero` when absent: the kernel's loop device takes discarded ranges for zeros. */
  trim?(offset: number, length: number): Answer<void>;
  flush(): Answer<void>;
  /** What is to be written is passed over as it comes, and `write` is given nothing. */
  readonly takesNoBytes?: boolean;
}

export type NbdDisk = ReadableDisk | WritableDisk;

export interface NbdExports {
  find(name: string): Answer<NbdDisk | undefined>;
  /** The names that a client is told; none when absent. */
  names?(): readonly string[];
  /** What the requests of one client may hold together; 64 MiB when absent. */
  readonly maxBytesAtOnce?: number;
}

/** A client that asks for more waits for its answers first. */
const MAX_REQUESTS_AT_ONCE = 64;
const MAX_BYTES_AT_ONCE = 64 * 1024 * 1024;
const NOTHING = Buffer.alloc(0);
/** Names have at most 4096 bytes (doc/proto.md). */
const MAX_OPTION_BYTES = 8 * 1024;

/** Serves one client until it goes or breaks the protocol; never throws. */
export async function serveNbd(socket: Socket, exports: NbdExports): Promise<void> {
  // Two small replies in a row would otherwise wait 40 ms for the peer's delayed acknowledgement.
  socket.setNoDelay(true);
  const stream = new ByteStream(socket);
  try {
    const disk = await negotiate(stream, exports);
    if (disk !== undefined) await new Session(stream, disk, exports).run();
  } catch {
    // Whoever breaks the protocol or goes away is told nothing more.
  } finally {
    socket.destroySoon();
  }
}

/** The disk that the client has chosen; undefined when it leaves without one. */
async function negotiate(stream: ByteStream, exports: NbdExports): Promise<NbdDisk | undefined> {
  await stream.send(renderHello());
  const withZeroes = wantsZeroes(await stream.take(CLIENT_FLAGS_BYTES));
  for (;;) {
    const { option, length } = parseOptionHead(await stream.take(OPTION_HEAD_BYTES));
    if (length > MAX_OPTION_BYTES) throw new Error('nbd: the option is too long');
    const data = await stream.take(length);
    if (option === NBD_OPTION.exportName) {
      const disk = await exports.find(data.toString('utf8'));
      if (disk !== undefined) await stream.send(renderExport(factsOf(disk), withZeroes));
      return disk;
    }
    if (option === NBD_OPTION.abort) {
      await stream.send(renderOptionReply(option, NBD_OPTION_REPLY.ack));
      return undefined;
    }
    const chosen = await answerOption(stream, { option, data }, exports);
    if (chosen !== undefined) return chosen;
  }
}

/** The disk when the client asks to go on with it. */
async function answerOption(
  stream: ByteStream,
  { option, data }: { option: number; data: Buffer },
  exports: NbdExports,
): Promise<NbdDisk | undefined> {
  const reply = (type: number, bytes?: Buffer) =>
    stream.send(renderOptionReply(option, type, bytes));
  if (option === NBD_OPTION.list) {
    for (const name of exports.names?.() ?? []) {
      await reply(NBD_OPTION_REPLY.server, renderListed(name));
    }
    await reply(NBD_OPTION_REPLY.ack);
    return undefined;
  }
  if (option !== NBD_OPTION.go && option !== NBD_OPTION.info) {
    await reply(NBD_OPTION_REPLY.unsupported);
    return undefined;
  }
  const name = parseExportName(data);
  const disk = name === undefined ? undefined : await exports.find(name);
  if (disk === undefined) {
    const { invalid, unknown } = NBD_OPTION_REPLY;
    await reply(name === undefined ? invalid : unknown);
    return undefined;
  }
  await stream.send(renderExportInfos(option, factsOf(disk)));
  await reply(NBD_OPTION_REPLY.ack);
  return option === NBD_OPTION.go ? disk : undefined;
}

function factsOf(disk: NbdDisk): NbdExportFacts {
  const { sizeBytes, blockBytes = 1 } = disk;
  return { sizeBytes, blockBytes, isReadOnly: !isWritable(disk) };
}

function isWritable(disk: NbdDisk): disk is WritableDisk {
  return 'write' in disk;
}

/** The requests of one client. */
class Session {
  readonly #stream: ByteStream;
  readonly #disk: NbdDisk;
  readonly #pending = new Set<Promise<void>>();
  readonly #maxBytes: number;
  #pendingBytes = 0;

  constructor(stream: ByteStream, disk: NbdDisk, { maxBytesAtOnce }: NbdExports) {
    this.#stream = stream;
    this.#disk = disk;
    this.#maxBytes = maxBytesAtOnce ?? MAX_BYTES_AT_ONCE;
  }

  async run(): Promise<void> {
    for (;;) {
      const request = parseRequest(await this.#stream.take(REQUEST_BYTES));
      if (request.command === NBD_COMMAND.disconnect) break;
      const cost = transferBytes(request);
      if (cost > MAX_REQUEST_BYTES) throw new Error('nbd: the request is too long');
      await this.#makeRoom(cost);
      this.#start(request, cost, await this.#takePayload(request));
    }
    await Promise.all(this.#pending);
  }

  async #takePayload({ command, length }: NbdRequest): Promise<Buffer | undefined> {
    if (command !== NBD_COMMAND.write) return undefined;
    const isWanted = !isWritable(this.#disk) || this.#disk.takesNoBytes !== true;
    if (isWanted) return await this.#stream.take(length);
    await this.#stream.skip(length);
    return NOTHING;
  }

  async #makeRoom(cost: number): Promise<void> {
    const isFull = () =>
      this.#pending.size >= MAX_REQUESTS_AT_ONCE || this.#pendingBytes + cost > this.#maxBytes;
    while (this.#pending.size > 0 && isFull()) await Promise.race(this.#pending);
  }

  #start(request: NbdRequest, cost: number, bytes: Buffer | undefined): void {
    this.#pendingBytes += cost;
    const work = this.#answer(request, bytes).then(() => {
      this.#pending.delete(work);
      this.#pendingBytes -= cost;
    });
    this.#pending.add(work);
  }

  async #answer(request: NbdRequest, bytes: Buffer | undefined): Promise<void> {
    const { cookie } = request;
    try {
      const data = await perform(this.#disk, request, bytes);
      await this.#stream.send(renderReply(cookie, 0), data);
    } catch (error) {
      const errno = error instanceof NbdError ? error.errno : NBD_ERROR.io;
      // A client that is gone is seen by whoever reads from it.
      await this.#stream.send(renderReply(cookie, errno)).catch(() => {});
    }
  }
}

function transferBytes({ command, length }: NbdRequest): number {
  return command === NBD_COMMAND.read || command === NBD_COMMAND.write ? length : 0;
}

/** The bytes of a read; undefined for what has none. */
async function perform(
  disk: NbdDisk,
  request: NbdRequest,
  bytes: Buffer | undefined,
): Promise<Buffer | undefined> {
  const { command, offset, length } = request;
  if (command === NBD_COMMAND.flush) {
    if (isWritable(disk)) await disk.flush();
    return undefined;
  }
  checkRange(disk, request);
  if (command === NBD_COMMAND.read) return disk.read(offset, length);
  if (!isWritable(disk)) throw new NbdError('nbd: the export is read-only', NBD_ERROR.permission);
  if (command === NBD_COMMAND.write) await disk.write(offset, bytes!);
  else if (command === NBD_COMMAND.writeZeroes) await disk.zero(offset, length);
  else if (command === NBD_COMMAND.trim) {
    await (disk.trim === undefined ? disk.zero(offset, length) : disk.trim(offset, length));
  } else throw new NbdError(`nbd: unknown command ${command}`, NBD_ERROR.invalid);
  if ((request.flags & NBD_FORCE_UNIT_ACCESS) !== 0) await disk.flush();
  return undefined;
}

function checkRange(disk: NbdDisk, { command, offset, length }: NbdRequest): void {
  if (offset + length > disk.sizeBytes) {
    const { invalid, noSpace } = NBD_ERROR;
    const errno = command === NBD_COMMAND.write ? noSpace : invalid;
    throw new NbdError('nbd: the request ends beyond the export', errno);
  }
  const { blockBytes = 1 } = disk;
  if (offset % blockBytes !== 0 || length % blockBytes !== 0) {
    throw new NbdError(`nbd: the request is not aligned to ${blockBytes} bytes`, NBD_ERROR.invalid);
  }
}
