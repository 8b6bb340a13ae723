// Owns the form of a record of the log of small blobs: a header that says whose bytes follow, and the bytes.
//
//   0 magic  4 length  8 id (16 bytes)  24 CRC-32 of the bytes  28 CRC-32 of the header before it  32 bytes ...
//
// An entry of the journal has a magic of its own, and no id. It stands behind the blobs that it speaks of.
// A file of the log begins with its first record; where no whole record stands, it ends.

import { crc32 } from 'node:zlib';

/** `IBL1`. */
const MAGIC = 0x49424c31;
/** `IBJ1`. */
const ENTRY_MAGIC = 0x49424a31;
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
  /** Of the journal; no blob. */
  isEntry: boolean;
}

export function renderHeader(id: string, bytes: Uint8Array): Buffer {
  return render(MAGIC, id, bytes);
}

export function renderEntryHeader(bytes: Uint8Array): Buffer {
  return render(ENTRY_MAGIC, '', bytes);
}

function render(magic: number, id: string, bytes: Uint8Array): Buffer {
  const header = Buffer.alloc(RECORD_HEADER_BYTES);
  header.writeUInt32BE(magic, 0);
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
  const length = recordLength(from, at);
  if (length === undefined || at + length > from.length) return undefined;
  const header = from.subarray(at, at + RECORD_HEADER_BYTES);
  return {
    id: header.toString('hex', ID_AT, BYTES_CRC_AT),
    bytes: from.subarray(at + RECORD_HEADER_BYTES, at + length),
    crc: crcOf(header),
    isEntry: header.readUInt32BE(0) === ENTRY_MAGIC,
  };
}

/** With its header. Undefined where none stands. */
export function recordLength(from: Buffer, at: number): number | undefined {
  if (from.length - at < RECORD_HEADER_BYTES) return undefined;
  const header = from.subarray(at, at + RECORD_HEADER_BYTES);
  const magic = header.readUInt32BE(0);
  if (magic !== MAGIC && magic !== ENTRY_MAGIC) return undefined;
  if (crc32(header.subarray(0, HEADER_CRC_AT)) !== header.readUInt32BE(HEADER_CRC_AT)) {
    return undefined;
  }
  return RECORD_HEADER_BYTES + header.readUInt32BE(4);
}

export function isWhole({ bytes, crc }: LogRecord): boolean {
  return crc32(bytes) === crc;
}
