// Owns reading a file in pieces, exactly as long as it is said to be, and as whose it is said to be.

import { constants } from 'node:fs';
import { type FileHandle, lstat, open } from 'node:fs/promises';
import { dirname } from 'node:path';
import { ServiceError } from '@ironbark/core/errors.ts';
import { ensureDirectory, writeFully } from '@ironbark/platform/files.ts';
import type { Piece } from './archive-frames.ts';

const PIECE_BYTES = 1024 * 1024;

/**
 * A file that has grown is read up to the size that was asked for. With an owner it is that user's own: root reads in
 * folders of the controllers, and what they put there may be a link, or another name, of a file that is not theirs.
 */
export async function* filePieces(
  path: string,
  sizeBytes: number,
  ownerUid?: number,
): AsyncGenerator<Piece> {
  await using file = await openOwned(path, ownerUid);
  for (let offset = 0; offset < sizeBytes; ) {
    const bytes = Buffer.allocUnsafe(Math.min(PIECE_BYTES, sizeBytes - offset));
    const { bytesRead } = await file.read(bytes, 0, bytes.length, offset);
    if (bytesRead === 0) throw new Error(`${path} has ${offset} bytes, not ${sizeBytes}`);
    yield { offset, bytes: bytes.subarray(0, bytesRead) };
    offset += bytesRead;
  }
}

/** Makes a copy of it that is our own. */
export async function copyOwned(
  from: string,
  to: string,
  { sizeBytes, ownerUid }: { sizeBytes: number; ownerUid: number },
): Promise<void> {
  await ensureDirectory(dirname(to));
  await using target = await open(to, 'wx', 0o600);
  for await (const { offset, bytes } of filePieces(from, sizeBytes, ownerUid)) {
    await writeFully(target, bytes, offset);
  }
}

/** Whose the folder's files are. Its name is in a folder that only whoever runs the cloud can write. */
export async function ownerOf(folder: string): Promise<number> {
  return (await lstat(folder)).uid;
}

/** A pipe, which opens only when somebody writes to it, must not hold up who looks what it is. */
async function openOwned(path: string, ownerUid: number | undefined): Promise<FileHandle> {
  const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK } = constants;
  const file = await open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  const facts = await file.stat();
  if (facts.isFile() && (ownerUid === undefined || facts.uid === ownerUid)) return file;
  await file.close();
  throw new ServiceError({
    kind: 'operation-not-permitted',
    resource: 'host',
    message: `${path} is not a file of the cloud's own, and was not read.`,
  });
}
