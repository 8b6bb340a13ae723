// Owns a reader of NBD exports on a Unix socket (NBD protocol, "fixed newstyle" handshake, simple replies).
//
// Structured replies are never asked for: with them QEMU answers reads from the block status, and QEMU 7.2's
// copy-before-write filter calls regions zero there that were zeroed only after the point in time.

import type { Clock } from '@ironbark/platform/clock.ts';
import { connectNbd, type NbdConnection, renderRequest } from './nbd-connection.ts';

export interface NbdReaderOptions {
  socketPath: string;
  exportName: string;
  clock: Clock;
}

const SIMPLE_REPLY_MAGIC = 0x67446698;
const READ = 0;
const REPLY_BYTES = 16;
/**
 * The cluster of QEMU's copy-before-write filter. QEMU 7.2 answers a read that spans clusters put aside and
 * clusters untouched with what the volume holds now; within one cluster there is no such mixture.
 */
const PIECE_BYTES = 64 * 1024;
const PIECES_AHEAD = 16;

export interface NbdReader extends AsyncDisposable {
  read(offset: number, length: number): Promise<Buffer>;
}

export async function openNbdReader(options: NbdReaderOptions): Promise<NbdReader> {
  const connection = await connectNbd(options.socketPath, options.clock);
  await connection.orClose(() => connection.go(options.exportName));
  let tail: Promise<unknown> = Promise.resolve();
  return {
    read: (offset, length) => {
      const next = tail.then(() => connection.within(() => readRange(connection, offset, length)));
      tail = next.catch(() => {});
      return next;
    },
    [Symbol.asyncDispose]: async () => connection.close(),
  };
}

/** Asks for the pieces of a range, a window of them ahead. Answers come in any order. */
async function readRange(
  connection: NbdConnection,
  offset: number,
  length: number,
): Promise<Buffer> {
  const range = Buffer.alloc(length);
  const count = Math.ceil(length / PIECE_BYTES);
  const lengthOf = (piece: number) => Math.min(PIECE_BYTES, length - piece * PIECE_BYTES);
  let failure: NbdReadError | undefined;
  for (let asked = 0, answered = 0; answered < count; answered++) {
    for (; asked < count && asked < answered + PIECES_AHEAD; asked++) {
      const place = { offset: offset + asked * PIECE_BYTES, length: lengthOf(asked) };
      connection.send(renderRequest({ command: READ, cookie: asked, ...place }));
    }
    const { piece, errno } = parseReply(await connection.take(REPLY_BYTES), asked);
    if (errno !== 0) failure = new NbdReadError(offset + piece * PIECE_BYTES, errno);
    else await connection.fill(range.subarray(piece * PIECE_BYTES).subarray(0, lengthOf(piece)));
  }
  if (failure !== undefined) throw failure;
  return range;
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
