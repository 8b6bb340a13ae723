// Owns reading an object for measurements: over a bare socket into one buffer, so that what is measured is the server.
// Every byte is compared with what was stored.

import { connect } from 'node:net';
import { systemClock } from '@ironbark/platform/clock.ts';
import { presignUrl } from '@ironbark/protocol/sigv4/sign.ts';
import type { LeanClientOptions } from './s3-load.ts';

const BUFFER_BYTES = 256 * 1024;
const EXPIRES_SECONDS = 60;

export async function readAndCompare(
  { url, key, region }: Pick<LeanClientOptions, 'url' | 'key' | 'region'>,
  path: string,
  expected: Buffer,
): Promise<void> {
  const signed = presignUrl({
    ...{ method: 'GET', url: new URL(`${url}${path}`), service: 's3', region },
    ...{ accessKeyId: key.accessKeyId, secretAccessKey: key.secretAccessKey },
    ...{ nowMs: systemClock.nowMs(), expiresSeconds: EXPIRES_SECONDS },
  });
  const head = `GET ${signed.pathname}${signed.search} HTTP/1.1\r\nhost: ${signed.host}\r\n\r\n`;
  const answer = new ExpectedAnswer(expected);
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const onPiece = (length: number, buffer: Uint8Array): boolean => {
    try {
      if (answer.take(Buffer.from(buffer.buffer, buffer.byteOffset, length))) resolve();
    } catch (error) {
      reject(error);
    }
    return true;
  };
  const socket = connect({
    ...{ host: signed.hostname, port: Number(signed.port) },
    onread: { buffer: Buffer.alloc(BUFFER_BYTES), callback: onPiece },
  });
  socket.on('error', reject).on('close', () => reject(new Error('the answer was cut off')));
  socket.write(head);
  try {
    await promise;
  } finally {
    socket.destroy();
  }
}

/** An answer 200 with these bytes. */
class ExpectedAnswer {
  readonly #expected: Buffer;
  #head = '';
  /** Of the body. */
  #at = 0;
  #isBody = false;

  constructor(expected: Buffer) {
    this.#expected = expected;
  }

  /** True when all of it has come. */
  take(piece: Buffer): boolean {
    const body = this.#isBody ? piece : this.#takeHead(piece);
    const expected = this.#expected.subarray(this.#at, this.#at + body.length);
    if (!body.equals(expected)) throw new Error(`other bytes than were stored behind ${this.#at}`);
    this.#at += body.length;
    return this.#isBody && this.#at === this.#expected.length;
  }

  #takeHead(piece: Buffer): Buffer {
    this.#head += piece.toString('latin1');
    const end = this.#head.indexOf('\r\n\r\n');
    if (end < 0) return piece.subarray(0, 0);
    if (!this.#head.startsWith('HTTP/1.1 200 ')) throw new Error(this.#head);
    this.#isBody = true;
    return piece.subarray(piece.length - (this.#head.length - end - 4));
  }
}
