// Owns writing a backup: it has its name once it is whole and on stable storage, and never replaces a file.

import { createHash } from 'node:crypto';
import { rmSync } from 'node:fs';
import { type FileHandle, link, open, readdir } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import {
  hasCode,
  removeFile,
  syncDirectory,
  syncFile,
  writeFully,
} from '@ironbark/platform/files.ts';
import { readProcess } from '@ironbark/platform/processes.ts';
import type { RandomSource } from '@ironbark/platform/random.ts';
import { Problem } from '../problem.ts';
import {
  CIPHER_MAGIC,
  CIPHER_PIECE_BYTES,
  deriveKey,
  encryptPiece,
  SALT_BYTES,
} from './archive-cipher.ts';
import {
  type ArchiveFile,
  type ArchiveHeader,
  type ArchiveSeal,
  type FrameKind,
  type Piece,
  renderFrame,
  renderPiece,
} from './archive-frames.ts';

export interface ArchiveOptions {
  path: string;
  header: ArchiveHeader;
  random: RandomSource;
  /** Absent: it is not encrypted. */
  passphrase?: string;
}

export class ArchiveWriter implements AsyncDisposable {
  readonly #path: string;
  readonly #unfinished: string;
  readonly #handle: FileHandle;
  readonly #key: Buffer | undefined;
  readonly #seal = createHash('sha256');
  readonly #removeAtExit: () => void;
  #waiting: Buffer[] = [];
  #waitingBytes = 0;
  #pieces = 0;
  #files = 0;
  #bytes = 0;

  private constructor(path: string, unfinished: string, handle: FileHandle, key?: Buffer) {
    this.#path = path;
    this.#unfinished = unfinished;
    this.#handle = handle;
    this.#key = key;
    // Ctrl-C ends the process without a chance to await anything.
    this.#removeAtExit = () => rmSync(unfinished, { force: true });
    process.once('exit', this.#removeAtExit);
  }

  static async create({
    path,
    header,
    random,
    passphrase,
  }: ArchiveOptions): Promise<ArchiveWriter> {
    await removeLeftovers(path);
    const unfinished = `${path}.${process.pid}${UNFINISHED}`;
    const salt = random.bytes(SALT_BYTES);
    const key = passphrase === undefined ? undefined : await deriveKey(passphrase, salt);
    const handle = await open(unfinished, 'wx', 0o600);
    const writer = new ArchiveWriter(path, unfinished, handle, key);
    if (key !== undefined)
      await writeFully(handle, Buffer.concat([Buffer.from(CIPHER_MAGIC), salt]));
    const payload = Buffer.from(JSON.stringify(header));
    writer.#seal.update(payload);
    await writer.#write('H', payload);
    return writer;
  }

  /** Pieces come in order; what lies between them is zeros. */
  async addFile(file: ArchiveFile, pieces: AsyncIterable<Piece>): Promise<void> {
    const digest = createHash('sha256');
    const begin = Buffer.from(JSON.stringify(file));
    digest.update(begin);
    await this.#write('F', begin);
    for await (const piece of pieces) {
      const payload = renderPiece(piece);
      digest.update(payload);
      this.#bytes += piece.bytes.length;
      await this.#write('D', payload);
    }
    const sha256 = digest.digest('hex');
    this.#seal.update(sha256);
    this.#files += 1;
    await this.#write('E', Buffer.from(JSON.stringify({ sha256 })));
  }

  /** Ends the backup and gives it its name. */
  async finish(): Promise<ArchiveSeal> {
    const sha256 = this.#seal.digest('hex');
    const seal = { files: this.#files, bytes: this.#bytes, sha256 };
    this.#waiting.push(renderFrame('S', Buffer.from(JSON.stringify(seal))));
    await this.#flush(true);
    await syncFile(this.#unfinished);
    await link(this.#unfinished, this.#path).catch((error: unknown) => {
      throw hasCode(error, 'EEXIST') ? alreadyThere(this.#path) : error;
    });
    await removeFile(this.#unfinished);
    await syncDirectory(dirname(this.#path));
    return seal;
  }

  async #write(kind: FrameKind, payload: Buffer): Promise<void> {
    const frame = renderFrame(kind, payload);
    this.#waiting.push(frame);
    this.#waitingBytes += frame.length;
    if (this.#waitingBytes >= CIPHER_PIECE_BYTES) await this.#flush(false);
  }

  async #flush(isEnd: boolean): Promise<void> {
    const bytes = Buffer.concat(this.#waiting);
    this.#waiting = [];
    this.#waitingBytes = 0;
    if (this.#key === undefined) {
      await writeFully(this.#handle, bytes);
      return;
    }
    for (let at = 0; at < bytes.length; at += CIPHER_PIECE_BYTES) {
      const piece = bytes.subarray(at, at + CIPHER_PIECE_BYTES);
      const isLast = isEnd && at + piece.length === bytes.length;
      await writeFully(this.#handle, encryptPiece(this.#key, this.#pieces, piece, isLast));
      this.#pieces += 1;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    process.off('exit', this.#removeAtExit);
    await this.#handle.close();
    await removeFile(this.#unfinished);
  }
}

const UNFINISHED = '.partial';

export function alreadyThere(path: string): Problem {
  return new Problem(`${path} is there already`, ['nothing was written; choose another name']);
}

/** What a killed one left beside this name. */
async function removeLeftovers(path: string): Promise<void> {
  const prefix = `${basename(path)}.`;
  for (const name of await readdir(dirname(path))) {
    if (!name.startsWith(prefix) || !name.endsWith(UNFINISHED)) continue;
    const pid = Number(name.slice(prefix.length, -UNFINISHED.length));
    const isOurs = Number.isSafeInteger(pid) && pid > 0;
    if (isOurs && (await readProcess(pid)) === undefined) {
      await removeFile(join(dirname(path), name));
    }
  }
}
