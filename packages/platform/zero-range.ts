// Owns making a range of a block device zeros, whatever the device can do for it, and looking whether it is.

import type { FileHandle } from 'node:fs/promises';
import { MIB } from '@ironbark/core/units.ts';
import { writeFully } from './files.ts';
import { zeroOut } from './libc.ts';

const WRITE_BYTES = MIB;
/** Looked at after the device has said that it did: firmware that lies does so for a whole range. */
const SAMPLE_BYTES = 64 * 1024;
const ZEROS = Buffer.alloc(WRITE_BYTES);

/** The caller syncs. A plain file is written, as a device that cannot zero ranges is. */
export async function zeroRange(handle: FileHandle, offset: number, length: number): Promise<void> {
  const isDone = await zeroOut(handle.fd, offset, length);
  if (isDone && (await looksZero(handle, offset, length))) return;
  const end = offset + length;
  for (let at = offset; at < end; at += WRITE_BYTES) {
    await writeFully(handle, ZEROS.subarray(0, Math.min(WRITE_BYTES, end - at)), at);
  }
}

/** Its beginning, its middle and its end. */
export async function looksZero(
  handle: FileHandle,
  offset: number,
  length: number,
): Promise<boolean> {
  const size = Math.min(SAMPLE_BYTES, length);
  const last = offset + length - size;
  for (const at of new Set([offset, offset + Math.floor((last - offset) / 2), last])) {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(size), 0, size, at);
    if (bytesRead !== size || !buffer.equals(ZEROS.subarray(0, size))) return false;
  }
  return true;
}
