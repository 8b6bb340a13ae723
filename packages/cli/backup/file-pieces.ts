// Owns reading a file in pieces, exactly as long as it is said to be.

import { open } from 'node:fs/promises';
import type { Piece } from './archive-frames.ts';

const PIECE_BYTES = 1024 * 1024;

/** A file that has grown is read up to the size that was asked for. */
export async function* filePieces(path: string, sizeBytes: number): AsyncGenerator<Piece> {
  await using file = await open(path, 'r');
  for (let offset = 0; offset < sizeBytes; ) {
    const bytes = Buffer.allocUnsafe(Math.min(PIECE_BYTES, sizeBytes - offset));
    const { bytesRead } = await file.read(bytes, 0, bytes.length, offset);
    if (bytesRead === 0) throw new Error(`${path} has ${offset} bytes, not ${sizeBytes}`);
    yield { offset, bytes: bytes.subarray(0, bytesRead) };
    offset += bytesRead;
  }
}
