// Owns reading what QEMU tells over NBD of ranges of an export: which a dirty bitmap marks, which are zeros. On a
// connection of its own, which never reads: see nbd-reader.ts for why reads must not have structured replies.

import { connect } from 'node:net';
import type { Clock } from '@ironbark/platform/clock.ts';
import { ByteStream } from '@ironbark/platform/nbd/byte-stream.ts';
import { chooseExport, greet, takeOptionReplies } from '@ironbark/platform/nbd/handshake.ts';
import {
  NBD_COMMAND,
  NBD_OPTION_REPLY,
  renderMetaContext,
  renderRequest,
  renderStructuredReplies,
} from '@ironbark/platform/nbd/wire.ts';
import type { ByteRange } from '@ironbark/protocol/internal/block-target.ts';
import { inTime } from './nbd-reader.ts';

export interface NbdBitmapOptions {
  socketPath: string;
  exportName: string;
  /** Such as `qemu:dirty-bitmap:NAME`. */
  context: string;
  /** The flag that a range is to have. */
  flag: number;
  clock: Clock;
}

/** Of a dirty bitmap. */
export const DIRTY = 1;
/** Of `base:allocation`. */
export const ZERO = 2;

const STRUCTURED_REPLY_MAGIC = 0x668e33ef;
const REPLY_HEAD_BYTES = 20;
const CHUNK_BLOCK_STATUS = 5;
const FLAG_DONE = 1;
/** A request's length has 32 bits; the server answers for the start of it and may leave the rest to the next. */
const STEP_BYTES = 2 ** 30;
/** QEMU sends at most 128 KiB of extents. */
const MAX_CHUNK_BYTES = 256 * 1024;

export async function readStatus(
  options: NbdBitmapOptions,
  offset: number,
  length: number,
): Promise<ByteRange[]> {
  const { exportName, context, socketPath, clock, flag } = options;
  const stream = new ByteStream(connect({ path: socketPath }));
  try {
    return await inTime({ stream, clock }, async () => {
      await negotiate(stream, exportName, context);
      return await readRanges(stream, flag, { offset, length });
    });
  } finally {
    stream.end(new Error('nbd: the bitmap is read'));
  }
}

async function negotiate(stream: ByteStream, exportName: string, context: string): Promise<void> {
  await greet(stream);
  await stream.send(renderStructuredReplies());
  await takeOptionReplies(stream, exportName);
  await stream.send(renderMetaContext(exportName, context));
  const replies = await takeOptionReplies(stream, exportName);
  if (!replies.some(({ type }) => type === NBD_OPTION_REPLY.metaContext)) {
    throw new Error(`nbd: ${exportName} has no ${context}`);
  }
  await chooseExport(stream, exportName);
}

async function readRanges(
  stream: ByteStream,
  flag: number,
  asked: ByteRange,
): Promise<ByteRange[]> {
  const end = asked.offset + asked.length;
  const ranges: ByteRange[] = [];
  for (let offset = asked.offset; offset < end; ) {
    const length = Math.min(STEP_BYTES, end - offset);
    const request = { flags: 0, command: NBD_COMMAND.blockStatus, cookie: 0n, offset, length };
    await stream.send(renderRequest(request));
    const before = offset;
    for (const extent of await takeExtents(stream)) {
      const isMarked = (extent.flags & flag) !== 0;
      const last = ranges.at(-1);
      const isMore = last !== undefined && last.offset + last.length === offset;
      if (isMarked && isMore) last.length += extent.length;
      else if (isMarked) ranges.push({ offset, length: extent.length });
      offset += extent.length;
    }
    if (offset === before) throw new Error('nbd: a block status of nothing');
  }
  return ranges;
}

async function takeExtents(stream: ByteStream): Promise<{ length: number; flags: number }[]> {
  const extents: { length: number; flags: number }[] = [];
  for (let isDone = false; !isDone; ) {
    const head = await stream.take(REPLY_HEAD_BYTES);
    const length = head.readUInt32BE(16);
    const type = head.readUInt16BE(6);
    if (head.readUInt32BE(0) !== STRUCTURED_REPLY_MAGIC || length > MAX_CHUNK_BYTES) {
      throw new Error('nbd: unexpected reply to a block status');
    }
    const data = await stream.take(length);
    isDone = (head.readUInt16BE(4) & FLAG_DONE) !== 0;
    if (type >= 2 ** 15) throw new Error('nbd: the block status failed');
    if (type !== CHUNK_BLOCK_STATUS) continue;
    for (let at = 4; at + 8 <= data.length; at += 8) {
      extents.push({ length: data.readUInt32BE(at), flags: data.readUInt32BE(at + 4) });
    }
  }
  return extents;
}
