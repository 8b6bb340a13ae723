// Owns reading a backup: file by file, each digest checked, the seal at the end.

import { createHash, type Hash } from 'node:crypto';
import { ArchiveBytes, cutOff, damagedArchive } from './archive-bytes.ts';
import {
  ARCHIVE_FORMAT,
  type ArchiveFile,
  type ArchiveHeader,
  type ArchiveSeal,
  FRAME_HEAD_BYTES,
  MAX_FRAME_BYTES,
  OFFSET_BYTES,
  type Piece,
  parsePiece,
} from './archive-frames.ts';

export interface ArchiveVisitor {
  onHeader?(header: ArchiveHeader): void;
  /** Has to read all pieces. A digest that is wrong is thrown at their end. */
  onFile(file: ArchiveFile, pieces: AsyncGenerator<Piece>): Promise<void>;
  /** Bytes of the archive that have been read. */
  onProgress?(position: number): void;
}

/** Throws a Problem unless every byte is as it was written. */
export async function readArchive(
  path: string,
  passphrase: string | undefined,
  visitor: ArchiveVisitor,
): Promise<ArchiveSeal> {
  await using bytes = await ArchiveBytes.open(path, passphrase);
  return await new Reading(bytes, visitor).run();
}

interface Frame {
  kind: string;
  payload: Buffer;
}

class Reading {
  readonly #bytes: ArchiveBytes;
  readonly #visitor: ArchiveVisitor;
  readonly #seal = createHash('sha256');
  #files = 0;
  #stored = 0;

  constructor(bytes: ArchiveBytes, visitor: ArchiveVisitor) {
    this.#bytes = bytes;
    this.#visitor = visitor;
  }

  async run(): Promise<ArchiveSeal> {
    const header = await this.#readHeader();
    this.#visitor.onHeader?.(header);
    for (;;) {
      const frame = await this.#next();
      if (frame === undefined) throw cutOff();
      if (frame.kind === 'S') return await this.#checkSeal(frame.payload);
      if (frame.kind !== 'F') throw damagedArchive('its parts are out of order');
      await this.#readFile(frame.payload);
    }
  }

  async #readHeader(): Promise<ArchiveHeader> {
    const frame = await this.#next();
    const header = frame?.kind === 'H' ? parseJson<ArchiveHeader>(frame.payload) : undefined;
    if (header?.format !== ARCHIVE_FORMAT) throw damagedArchive('it is no backup of this program');
    this.#seal.update(frame!.payload);
    return header;
  }

  async #readFile(payload: Buffer): Promise<void> {
    const file = parseJson<ArchiveFile>(payload);
    const isSized = Number.isSafeInteger(file.sizeBytes) && file.sizeBytes >= 0;
    if (!isSafePath(file.path) || !isSized) {
      throw damagedArchive('it names a file that cannot be in it');
    }
    const digest = createHash('sha256').update(payload);
    const state = { isDone: false };
    await this.#visitor.onFile(file, this.#readPieces(file, digest, state));
    if (!state.isDone) throw new Error(`${file.path} was not read to its end`);
    this.#files += 1;
  }

  async *#readPieces(
    file: ArchiveFile,
    digest: Hash,
    state: { isDone: boolean },
  ): AsyncGenerator<Piece> {
    for (let end = 0; ; ) {
      const frame = await this.#next();
      if (frame === undefined) throw cutOff();
      if (frame.kind === 'E') {
        this.#checkFile(file, digest.digest('hex'), frame.payload);
        state.isDone = true;
        return;
      }
      if (frame.kind !== 'D' || frame.payload.length < OFFSET_BYTES) {
        throw damagedArchive('its parts are out of order');
      }
      digest.update(frame.payload);
      const piece = parsePiece(frame.payload);
      const isInOrder = piece.offset >= end;
      end = piece.offset + piece.bytes.length;
      if (!isInOrder || end > file.sizeBytes) throw damagedArchive(`${file.path} is too long`);
      this.#stored += piece.bytes.length;
      yield piece;
    }
  }

  #checkFile(file: ArchiveFile, sha256: string, payload: Buffer): void {
    if (parseJson<{ sha256: string }>(payload).sha256 !== sha256) {
      throw damagedArchive(`${file.path} is not what was written`);
    }
    this.#seal.update(sha256);
  }

  async #checkSeal(payload: Buffer): Promise<ArchiveSeal> {
    const seal = parseJson<ArchiveSeal>(payload);
    const found = { files: this.#files, bytes: this.#stored, sha256: this.#seal.digest('hex') };
    if (JSON.stringify(seal) !== JSON.stringify(found)) throw damagedArchive('its seal is wrong');
    if ((await this.#bytes.take(1)) !== undefined)
      throw damagedArchive('something follows its end');
    return seal;
  }

  /** Undefined at the end of the file. */
  async #next(): Promise<Frame | undefined> {
    const head = await this.#bytes.take(FRAME_HEAD_BYTES);
    if (head === undefined) return undefined;
    const length = head.readUInt32BE(1);
    if (length > MAX_FRAME_BYTES) throw damagedArchive('one of its parts is too long');
    const payload = await this.#bytes.take(length);
    if (payload === undefined) throw cutOff();
    this.#visitor.onProgress?.(this.#bytes.position);
    return { kind: head.toString('latin1', 0, 1), payload };
  }
}

function parseJson<Value>(payload: Buffer): Value {
  try {
    return JSON.parse(payload.toString('utf8')) as Value;
  } catch {
    throw damagedArchive('one of its parts cannot be read');
  }
}

/** Relative and without a way out of the folder. */
function isSafePath(path: unknown): path is string {
  if (typeof path !== 'string' || path === '' || path.includes('\0')) return false;
  return path.split('/').every((part) => part !== '' && part !== '.' && part !== '..');
}
