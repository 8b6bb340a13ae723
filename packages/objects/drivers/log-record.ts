// Owns the form of a record of the log of small blobs: a header that says whose bytes follow, and the bytes.
//
//   0 magic  4 length  8 id (16 bytes)  24 CRC-32 of the bytes  28 CRC-32 of the header before it  32 bytes ...
//
// A file of the log begins with its first record; where no whole record stands, it ends.

import { crc32 } from 'node:zlib';

/** `IBL1`. */
const MAGIC = 0x49424c31;
const ID_AT = 8;
const BYTES_CRC_AT = 24;
const HEADER_CRC_AT = 28;
export const RECORD_HEADER_BYTES = 32;

export interface LogRecord {
  /** 32 digits. */
  id: string;
  bytes: Buffer;
  /** As they were written, says the header. */
  crc: number;
}

export function renderHeader(id: string, bytes: Uint8Array): Buffer {
  const header = Buffer.alloc(RECORD_HEADER_BYTES);
  header.writeUInt32BE(MAGIC, 0);
  header.writeUInt32BE(bytes.length, 4);
  header.write(id, ID_AT, 'hex');
  header.writeUInt32BE(crc32(bytes), BYTES_CRC_AT);
  header.writeUInt32BE(crc32(header.subarray(0, HEADER_CRC_AT)), HEADER_CRC_AT);
  return header;
}

/** Of the bytes that follow it. */
export function crcOf(header: Buffer): number {
  return header.readUInt32BE(BYTES_CRC_AT);
}

/** Undefined where no header stands, or more bytes follow it than are here. Whether they are whole `isWhole` says. */
export function parseRecord(from: Buffer, at: number): LogRecord | undefined {
  if (from.length - at < RECORD_HEADER_BYTES) return undefined;
  const header = from.subarray(at, at + RECORD_HEADER_BYTES);
  if (header.readUInt32BE(0) !== MAGIC) return undefined;
  if (crc32(header.subarray(0, HEADER_CRC_AT)) !== header.readUInt32BE(HEADER_CRC_AT)) {
    return undefined;
  }
  const end = at + RECORD_HEADER_BYTES + header.readUInt32BE(4);
  if (end > from.length) return undefined;
  return {
    id: header.toString('hex', ID_AT, BYTES_CRC_AT),
    bytes: from.subarray(at + RECORD_HEADER_BYTES, end),
    crc: crcOf(header),
  };
}

export function isWhole({ bytes, crc }: LogRecord): boolean {
  return crc32(bytes) === crc;
}
