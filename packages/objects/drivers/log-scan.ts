// Owns reading a file of the log from one record to the next.

import type { FileHandle } from 'node:fs/promises';
import { MIB } from '@ironbark/core/units.ts';
import {
  isWhole,
  type LogRecord,
  parseRecord,
  RECORD_HEADER_BYTES,
  recordLength,
} from './log-record.ts';

export interface FoundRecord extends LogRecord {
  /** Of its first byte, behind its header. */
  offset: number;
  /** The bytes are those that were written. */
  isWhole: boolean;
}

/** Read at once; a record that is longer is read by itself. */
const SCAN_BYTES = MIB;

/** Every record from there on, up to the first place where none stands. */
export async function* scanRecords(handle: FileHandle, from = 0): AsyncGenerator<FoundRecord> {
  let length = SCAN_BYTES;
  for (let at = from; ; ) {
    const piece = await readPiece(handle, at, length);
    let used = 0;
    for (;;) {
      const record = parseRecord(piece, used);
      if (record === undefined) break;
      used += RECORD_HEADER_BYTES;
      yield { ...record, offset: at + used, isWhole: isWhole(record) };
      used += record.bytes.length;
    }
    at += used;
    if (used > 0) {
      length = SCAN_BYTES;
      continue;
    }
    const wanted = recordLength(piece, 0) ?? 0;
    if (wanted <= length) return;
    length = wanted;
  }
}

/** As many bytes as there are. */
export async function readPiece(
  handle: FileHandle,
  position: number,
  length: number,
): Promise<Buffer> {
  const piece = Buffer.allocUnsafe(length);
  let done = 0;
  while (done < length) {
    const { bytesRead } = await handle.read(piece, done, length - done, position + done);
    if (bytesRead === 0) break;
    done += bytesRead;
  }
  return piece.subarray(0, done);
}
