// Owns a reader of NBD exports on a Unix socket (NBD protocol, "fixed newstyle" handshake, simple replies).
//
// Structured replies are never asked for: with them QEMU answers reads from the block status, and QEMU 7.2's
// copy-before-write filter calls regions zero there that were zeroed only after the point in time.

import { connect } from 'node:net';
import type { Clock } from '@ironbark/platform/clock.ts';
import { ByteStream } from '@ironbark/platform/nbd/byte-stream.ts';
import { negotiate } from '@ironbark/platform/nbd/handshake.ts';
import {
  NBD_COMMAND,
  NbdError,
  parseReply,
  REPLY_BYTES,
  renderRequest,
} from '@ironbark/platform/nbd/wire.ts';

export interface NbdReaderOptions {
  socketPath: string;
  exportName: string;
  clock: Clock;
}

/**
 * The cluster of QEMU's copy-before-write filter. QEMU 7.2 answers a read that spans clusters put aside and
 * clusters untouched with what the volume holds now; within one cluster there is no such mixture.
 */
const PIECE_BYTES = 64 * 1024;
const PIECES_AHEAD = 16;
/** Longer than any disk takes for a few MiB; a daemon that hangs must not hang its reader for good. */
const READ_TIMEOUT_MS = 120_000;

export interface NbdReader extends AsyncDisposable {
  read(offset: number, length: number): Promise<Buffer>;
}

export async function openNbdReader(options: NbdReaderOptions): Promise<NbdReader> {
  const stream = new ByteStream(connect({ path: options.socketPath }));
  const within = <T>(work: () => Promise<T>) => inTime({ stream, clock: options.clock }, work);
  try {
    await within(() => negotiate(stream, options.exportName));
  } catch (error) {
    stream.end(closed());
    throw error;
  }
  let tail: Promise<unknown> = Promise.resolve();
  return {
    read: (offset, length) => {
      const next = tail.then(() => within(() => readRange(stream, offset, length)));
      tail = next.catch(() => {});
      return next;
    },
    [Symbol.asyncDispose]: async () => stream.end(closed()),
  };
}

function closed(): Error {
  return new Error('nbd: the reader is closed');
}

/** Ends the stream when `work` on it takes too long. */
export async function inTime<T>(
  { stream, clock }: { stream: ByteStream; clock: Clock },
  work: () => Promise<T>,
): Promise<T> {
  const done = new AbortController();
  const late = clock.sleep(READ_TIMEOUT_MS, done.signal).then(
    () => stream.end(new Error(`nbd: no answer in ${READ_TIMEOUT_MS} ms`)),
    () => {},
  );
  try {
    return await work();
  } finally {
    done.abort();
    await late;
  }
}

/** Asks for the pieces of a range, a window of them ahead. Answers come in any order. */
async function readRange(stream: ByteStream, offset: number, length: number): Promise<Buffer> {
  const range = Buffer.alloc(length);
  const count = Math.ceil(length / PIECE_BYTES);
  const lengthOf = (piece: number) => Math.min(PIECE_BYTES, length - piece * PIECE_BYTES);
  let failure: NbdError | undefined;
  for (let asked = 0, answered = 0; answered < count; answered++) {
    for (; asked < count && asked < answered + PIECES_AHEAD; asked++) {
      await stream.send(renderRead(asked, offset + asked * PIECE_BYTES, lengthOf(asked)));
    }
    const { cookie, errno } = parseReply(await stream.take(REPLY_BYTES));
    const piece = Number(cookie);
    if (piece >= asked) throw new Error('nbd: unexpected reply');
    if (errno !== 0) failure = readError(offset + piece * PIECE_BYTES, errno);
    else await stream.fill(range.subarray(piece * PIECE_BYTES).subarray(0, lengthOf(piece)));
  }
  if (failure !== undefined) throw failure;
  return range;
}

function renderRead(piece: number, offset: number, length: number): Buffer {
  const { read: command } = NBD_COMMAND;
  return renderRequest({ flags: 0, command, cookie: BigInt(piece), offset, length });
}

/** The server could not read the range; the connection is still good. */
function readError(offset: number, errno: number): NbdError {
  return new NbdError(`nbd: read at ${offset} failed with errno ${errno}`, errno);
}
