// Owns reading a dirty bitmap of QEMU's over NBD: which ranges of an export it marks. On a connection of its own, which
// never reads: see nbd-reader.ts for why reads must not have structured replies.

import type { Clock } from '@ironbark/platform/clock.ts';
import type { ByteRange } from '@ironbark/protocol/internal/block-target.ts';
import { connectNbd, type NbdConnection, renderRequest } from './nbd-connection.ts';

export interface NbdBitmapOptions {
  socketPath: string;
  exportName: string;
  bitmap: string;
  clock: Clock;
}

const BLOCK_STATUS = 7;
const STRUCTURED_REPLY_MAGIC = 0x668e33ef;
const REPLY_HEAD_BYTES = 20;
const CHUNK_BLOCK_STATUS = 5;
const FLAG_DONE = 1;
const DIRTY = 1;
/** A request's length has 32 bits; the server answers for the start of it and may leave the rest to the next. */
const STEP_BYTES = 2 ** 30;
/** QEMU sends at most 128 KiB of extents. */
const MAX_CHUNK_BYTES = 256 * 1024;

export async function readBitmap(
  options: NbdBitmapOptions,
  offset: number,
  length: number,
): Promise<ByteRange[]> {
  const { exportName, bitmap } = options;
  const connection = await connectNbd(options.socketPath, options.clock);
  try {
    return await connection.within(async () => {
      const context = `qemu:dirty-bitmap:${bitmap}`;
      if (!(await connection.chooseContext(exportName, context))) {
        throw new Error(`nbd: ${exportName} has no bitmap ${bitmap}`);
      }
      await connection.go(exportName);
      return await readRanges(connection, offset, offset + length);
    });
  } finally {
    connection.close();
  }
}

async function readRanges(
  connection: NbdConnection,
  first: number,
  end: number,
): Promise<ByteRange[]> {
  const ranges: ByteRange[] = [];
  for (let offset = first; offset < end; ) {
    const length = Math.min(STEP_BYTES, end - offset);
    connection.send(renderRequest({ command: BLOCK_STATUS, cookie: 0, offset, length }));
    const before = offset;
    for (const extent of await takeExtents(connection)) {
      const last = ranges.at(-1);
      const isMore = last !== undefined && last.offset + last.length === offset;
      if (extent.isDirty && isMore) last.length += extent.length;
      else if (extent.isDirty) ranges.push({ offset, length: extent.length });
      offset += extent.length;
    }
    if (offset === before) throw new Error('nbd: a block status of nothing');
  }
  return ranges;
}

async function takeExtents(
  connection: NbdConnection,
): Promise<{ length: number; isDirty: boolean }[]> {
  const extents: { length: number; isDirty: boolean }[] = [];
  for (let isDone = false; !isDone; ) {
    const head = await connection.take(REPLY_HEAD_BYTES);
    const length = head.readUInt32BE(16);
    const type = head.readUInt16BE(6);
    if (head.readUInt32BE(0) !== STRUCTURED_REPLY_MAGIC || length > MAX_CHUNK_BYTES) {
      throw new Error('nbd: unexpected reply to a block status');
    }
    const data = await connection.take(length);
    isDone = (head.readUInt16BE(4) & FLAG_DONE) !== 0;
    if (type >= 2 ** 15) throw new Error('nbd: the block status failed');
    if (type !== CHUNK_BLOCK_STATUS) continue;
    for (let at = 4; at + 8 <= data.length; at += 8) {
      const isDirty = (data.readUInt32BE(at + 4) & DIRTY) !== 0;
      extents.push({ length: data.readUInt32BE(at), isDirty });
    }
  }
  return extents;
}
