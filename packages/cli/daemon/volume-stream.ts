// Owns the command line's side of a volume that the daemon holds still: pieces from the admin socket.

import { type IncomingMessage, request } from 'node:http';
import type { VolumeId } from '@ironbark/core/ids.ts';
import { Problem } from '../problem.ts';
import { PIECE_HEAD_BYTES, READ_VOLUME_PATH } from './admin-api.ts';
import { dataPaths } from './paths.ts';

/** Throws unless the volume came whole. */
export async function* readHeldVolume(
  dataDir: string,
  id: VolumeId,
): AsyncGenerator<{ offset: number; bytes: Buffer }> {
  const response = await open(dataPaths(dataDir).adminSocket, id);
  let waiting = Buffer.alloc(0);
  for await (const chunk of response) {
    waiting = Buffer.concat([waiting, chunk as Buffer]);
    for (;;) {
      if (waiting.length < PIECE_HEAD_BYTES) break;
      const offset = Number(waiting.readBigUInt64BE());
      const length = waiting.readUInt32BE(8);
      if (length === 0) return;
      const end = PIECE_HEAD_BYTES + length;
      if (waiting.length < end) break;
      yield { offset, bytes: waiting.subarray(PIECE_HEAD_BYTES, end) };
      waiting = waiting.subarray(end);
    }
  }
  throw notWhole(id);
}

function open(socketPath: string, id: VolumeId): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const outgoing = request({ socketPath, path: `${READ_VOLUME_PATH}${id}`, method: 'POST' });
    outgoing.once('error', reject);
    outgoing.once('response', resolve);
    outgoing.end();
  });
}

function notWhole(id: VolumeId): Problem {
  return new Problem(`the volume ${id} could not be read to its end`, [
    'the log says why: ironbark logs',
    'no backup was made; try again',
  ]);
}
