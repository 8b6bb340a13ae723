// Owns zeroing ranges of an NBD export, with their places on the disk kept.

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
import type { ByteRange } from '@ironbark/protocol/internal/block-target.ts';
import { inTime } from './nbd-reader.ts';

/** Not as a hole: the volume was promised its space. */
const NO_HOLE = 2;
const MAX_BYTES = 2 ** 30;

export async function zeroRanges(
  { socketPath, exportName, clock }: { socketPath: string; exportName: string; clock: Clock },
  ranges: readonly ByteRange[],
): Promise<void> {
  const stream = new ByteStream(connect({ path: socketPath }));
  try {
    await inTime({ stream, clock }, () => negotiate(stream, exportName));
    for (const { offset, length } of ranges) {
      for (let at = offset; at < offset + length; at += MAX_BYTES) {
        const part = { offset: at, length: Math.min(MAX_BYTES, offset + length - at) };
        await inTime({ stream, clock }, () => perform(stream, NBD_COMMAND.writeZeroes, part));
      }
    }
    await inTime({ stream, clock }, () =>
      perform(stream, NBD_COMMAND.flush, { offset: 0, length: 0 }),
    );
  } finally {
    stream.end(new Error('nbd: the ranges are zeroed'));
  }
}

async function perform(stream: ByteStream, command: number, range: ByteRange): Promise<void> {
  const flags = command === NBD_COMMAND.writeZeroes ? NO_HOLE : 0;
  await stream.send(renderRequest({ flags, command, cookie: 0n, ...range }));
  const { errno } = parseReply(await stream.take(REPLY_BYTES));
  if (errno !== 0) throw new NbdError(`nbd: command ${command} failed with errno ${errno}`, errno);
}
