// Owns the form of a backup: one file of frames, each a letter, a length (4 bytes) and its bytes.
//
//   H header (JSON) | F file begins (JSON) | D offset (8 bytes) and bytes | E file ends (JSON: its digest) | S seal (JSON)
//
// What lies between the pieces of a file is zeros. A file's digest is over its F and D frames; the seal's is over the
// header and all files' digests. The seal is written last, so a backup that has one is whole.

export const ARCHIVE_FORMAT = 'ironbark-backup/1';

export type FrameKind = 'H' | 'F' | 'D' | 'E' | 'S';
export const FRAME_HEAD_BYTES = 5;
export const OFFSET_BYTES = 8;
/** Pieces of volumes are the longest. */
export const MAX_PIECE_BYTES = 4 * 1024 * 1024;
export const MAX_FRAME_BYTES = OFFSET_BYTES + MAX_PIECE_BYTES;

export interface ArchiveHeader {
  format: typeof ARCHIVE_FORMAT;
  /** Of the program that wrote it. */
  version: string;
  /** ISO 8601: everything that had been acknowledged by then is in it. */
  takenAt: string;
  accountId: string;
  withVolumes: boolean;
}

export interface ArchiveFile {
  /** Below a data folder, with slashes. */
  path: string;
  sizeBytes: number;
}

export interface ArchiveSeal {
  files: number;
  /** Of contents that are stored, zeros left out. */
  bytes: number;
  sha256: string;
}

export interface Piece {
  offset: number;
  bytes: Uint8Array;
}

export function renderFrame(kind: FrameKind, payload: Uint8Array): Buffer {
  const head = Buffer.alloc(FRAME_HEAD_BYTES);
  head.write(kind, 0, 'latin1');
  head.writeUInt32BE(payload.length, 1);
  return Buffer.concat([head, payload]);
}

export function renderPiece({ offset, bytes }: Piece): Buffer {
  const payload = Buffer.alloc(OFFSET_BYTES + bytes.length);
  payload.writeBigUInt64BE(BigInt(offset));
  payload.set(bytes, OFFSET_BYTES);
  return payload;
}

export function parsePiece(payload: Buffer): Piece {
  const offset = Number(payload.readBigUInt64BE());
  return { offset, bytes: payload.subarray(OFFSET_BYTES) };
}
