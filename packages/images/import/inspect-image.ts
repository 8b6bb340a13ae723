// Owns deciding what a file that someone brings is, before any tool touches it.

import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { ServiceError } from '@ironbark/core/errors.ts';
import { GIB, renderBytes } from '@ironbark/core/units.ts';
import { hasCode } from '@ironbark/platform/files.ts';
import { recognizeFormat, SNIFF_BYTES, TAIL_BYTES } from './foreign-formats.ts';
import { parseQcow2Header } from './qcow2-header.ts';

export interface InspectedImage {
  format: 'raw' | 'qcow2';
  /** Size of the disk that a guest sees. */
  virtualBytes: number;
  fileBytes: number;
}

export interface InspectOptions {
  /** Larger disks are refused; {@link MAX_IMAGE_BYTES} unless given. */
  maxVirtualBytes?: number;
}

/** An image becomes the root disk of every instance made from it, and each is a whole copy. */
export const MAX_IMAGE_BYTES = 128 * GIB;
const SECTOR_BYTES = 512;

/** Throws ServiceError with a sentence that says why a file is refused. */
export async function inspectImage(
  path: string,
  options: InspectOptions = {},
): Promise<InspectedImage> {
  const handle = await openRegularFile(path);
  try {
    const { size } = await handle.stat();
    const head = await readAt(handle, 0, Math.min(size, SNIFF_BYTES));
    const tail = await readAt(handle, Math.max(0, size - TAIL_BYTES), Math.min(size, TAIL_BYTES));
    const maxVirtualBytes = options.maxVirtualBytes ?? MAX_IMAGE_BYTES;
    return judge({ head, tail, fileBytes: size, maxVirtualBytes });
  } finally {
    await handle.close();
  }
}

export interface FileFacts {
  head: Buffer;
  tail: Buffer;
  fileBytes: number;
  maxVirtualBytes: number;
}

function judge(facts: FileFacts): InspectedImage {
  const { head, tail, fileBytes, maxVirtualBytes } = facts;
  const format = recognizeFormat(head, tail);
  if (format === 'qcow2') {
    const { virtualBytes } = parseQcow2Header(head, { fileBytes, maxVirtualBytes });
    return { format: 'qcow2', virtualBytes, fileBytes };
  }
  if (format !== undefined) {
    throw refused(`The file is ${format}; images can be imported from raw and qcow2 files only.`);
  }
  if (fileBytes === 0) throw refused('The file is empty.');
  if (fileBytes % SECTOR_BYTES !== 0) {
    throw refused('The file is no disk: its size is not a multiple of 512 bytes.');
  }
  if (fileBytes > maxVirtualBytes) {
    throw new ServiceError({
      kind: 'too-large',
      resource: 'image',
      message: `The image's disk is larger than the limit of ${renderBytes(maxVirtualBytes)}.`,
    });
  }
  return { format: 'raw', virtualBytes: fileBytes, fileBytes };
}

/** No device, pipe or folder: those have other sizes, and reading them may never end. */
async function openRegularFile(path: string): Promise<FileHandle> {
  const handle = await open(path, constants.O_RDONLY | constants.O_NONBLOCK).catch((error) => {
    if (!hasCode(error, 'ENOENT') && !hasCode(error, 'EACCES')) throw error;
    throw refused('There is no readable file of this name.', error);
  });
  if ((await handle.stat()).isFile()) return handle;
  await handle.close();
  throw refused('Only regular files can be imported.');
}

async function readAt(handle: FileHandle, position: number, length: number): Promise<Buffer> {
  const buffer = Buffer.alloc(length);
  let done = 0;
  while (done < length) {
    const { bytesRead } = await handle.read(buffer, done, length - done, position + done);
    if (bytesRead === 0) break;
    done += bytesRead;
  }
  return buffer.subarray(0, done);
}

function refused(message: string, cause?: unknown): ServiceError {
  return new ServiceError({ kind: 'invalid-parameter', resource: 'image', message, cause });
}
