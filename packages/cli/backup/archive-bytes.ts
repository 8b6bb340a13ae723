// Owns the bytes of a backup in order, decrypted if it is encrypted, exactly as many as are asked for.

import { type FileHandle, open } from 'node:fs/promises';
import { hasCode } from '@ironbark/platform/files.ts';
import { Problem } from '../problem.ts';
import {
  CIPHER_HEAD_BYTES,
  CIPHER_MAGIC,
  CIPHER_PIECE_BYTES,
  decryptPiece,
  deriveKey,
  SALT_BYTES,
  TAG_BYTES,
} from './archive-cipher.ts';

const READ_BYTES = 1024 * 1024;

export class ArchiveBytes implements AsyncDisposable {
  readonly #handle: FileHandle;
  readonly #passphrase: string | undefined;
  #source: AsyncGenerator<Buffer> | undefined;
  #left: Buffer = Buffer.alloc(0);
  /** Bytes of the file that have been read. */
  position = 0;

  private constructor(handle: FileHandle, passphrase: string | undefined) {
    this.#handle = handle;
    this.#passphrase = passphrase;
  }

  static async open(path: string, passphrase: string | undefined): Promise<ArchiveBytes> {
    const handle = await open(path, 'r').catch((error: unknown) => {
      if (!hasCode(error, 'ENOENT')) throw error;
      throw new Problem(`there is no ${path}`);
    });
    const bytes = new ArchiveBytes(handle, passphrase);
    try {
      bytes.#source = await bytes.#choose();
      return bytes;
    } catch (error) {
      await handle.close();
      throw error;
    }
  }

  /** Undefined at the end; throws when some but not all are left. */
  async take(length: number): Promise<Buffer | undefined> {
    const parts: Buffer[] = [];
    let missing = length;
    while (missing > 0) {
      if (this.#left.length === 0) {
        const next = await this.#source!.next();
        if (next.done === true) break;
        this.#left = next.value;
        continue;
      }
      const part = this.#left.subarray(0, missing);
      this.#left = this.#left.subarray(part.length);
      parts.push(part);
      missing -= part.length;
    }
    if (missing === length && length > 0) return undefined;
    if (missing > 0) throw cutOff();
    return parts.length === 1 ? parts[0]! : Buffer.concat(parts);
  }

  async #choose(): Promise<AsyncGenerator<Buffer>> {
    const magic = await this.#read(CIPHER_MAGIC.length);
    if (magic.toString('latin1') !== CIPHER_MAGIC) {
      this.#left = magic;
      return this.#plain();
    }
    if (this.#passphrase === undefined) {
      throw new Problem('the backup is encrypted', ['give its passphrase: --passphrase-file FILE']);
    }
    const salt = await this.#read(SALT_BYTES);
    return this.#decrypted(await deriveKey(this.#passphrase, salt));
  }

  async *#plain(): AsyncGenerator<Buffer> {
    for (;;) {
      const bytes = await this.#read(READ_BYTES);
      if (bytes.length === 0) return;
      yield bytes;
    }
  }

  async *#decrypted(key: Buffer): AsyncGenerator<Buffer> {
    for (let index = 0; ; index++) {
      const head = await this.#read(CIPHER_HEAD_BYTES);
      if (head.length < CIPHER_HEAD_BYTES) throw cutOff();
      const length = head.readUInt32BE(1);
      if (length > CIPHER_PIECE_BYTES) throw wrongKey(index);
      const bytes = await this.#read(length);
      const tag = await this.#read(TAG_BYTES);
      if (tag.length < TAG_BYTES) throw cutOff();
      const plain = decryptPiece(key, index, { head, bytes, tag });
      if (plain === undefined) throw wrongKey(index);
      yield plain;
      if (head.readUInt8(0) === 1) return;
    }
  }

  /** Fewer only at the file's end. */
  async #read(length: number): Promise<Buffer> {
    const buffer = Buffer.allocUnsafe(length);
    let done = 0;
    while (done < length) {
      const { bytesRead } = await this.#handle.read(buffer, done, length - done, null);
      if (bytesRead === 0) break;
      done += bytesRead;
    }
    this.position += done;
    return buffer.subarray(0, done);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#handle.close();
  }
}

const UNTOUCHED = 'nothing was restored';

export function cutOff(): Problem {
  return new Problem('the backup is not whole: it ends early', [
    UNTOUCHED,
    'copy it again, or use another backup',
  ]);
}

export function damagedArchive(what: string): Problem {
  return new Problem(`the backup is damaged: ${what}`, [
    UNTOUCHED,
    'copy it again, or use another backup',
  ]);
}

function wrongKey(index: number): Problem {
  if (index > 0) return damagedArchive('a piece of it is not what was encrypted');
  return new Problem('the passphrase is wrong, or the backup is damaged', [UNTOUCHED]);
}
