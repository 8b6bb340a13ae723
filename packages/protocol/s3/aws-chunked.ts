// Owns the decoding of `aws-chunked` bodies, bytes in and bytes out, with chunk signatures and trailers verified.
//
//   header ---> data ---> data-end ---> header ...        size in hexadecimal [;chunk-signature=64 digits] CRLF
//     |                                                   bytes CRLF
//     +-- size 0 ---> trailer ---> done                   [name:value CRLF]... CRLF

import { createHash, type Hash } from 'node:crypto';
import { ServiceError } from '@ironbark/core/errors.ts';
import { sha256Hex } from '../sigv4/canonical.ts';
import type { ChunkChain } from '../sigv4/payload.ts';

export interface AwsChunkedOptions {
  /** Present when each chunk carries a signature. */
  chain?: ChunkChain;
  /** Trailers that the request announced; each has to come, and no other. */
  trailers: readonly string[];
  /** From x-amz-decoded-content-length. */
  decodedLength: number;
}

/** Size, signature and some slack; what others cap at. */
const MAX_LINE_BYTES = 4 * 1024;
const MAX_TRAILER_LINES = 16;
const LINE_FEED = 10;
const TRAILER_SIGNATURE = 'x-amz-trailer-signature';

type State = 'header' | 'data' | 'data-end' | 'trailer' | 'done';

export class AwsChunkedDecoder {
  readonly #options: AwsChunkedOptions;
  readonly #trailers = new Map<string, string>();
  #state: State = 'header';
  #line = '';
  #remaining = 0;
  #decoded = 0;
  #signature = '';
  #hash: Hash | undefined;

  constructor(options: AwsChunkedOptions) {
    this.#options = options;
  }

  /** The trailers, once `end` returned. */
  get trailers(): ReadonlyMap<string, string> {
    return this.#trailers;
  }

  /** The decoded bytes of one piece of the body, as views of it. */
  push(piece: Uint8Array): Uint8Array[] {
    const out: Uint8Array[] = [];
    let at = 0;
    while (at < piece.length) {
      if (this.#state === 'data') {
        const bytes = piece.subarray(at, at + this.#remaining);
        this.#takeData(bytes);
        out.push(bytes);
        at += bytes.length;
      } else {
        at = this.#takeLine(piece, at);
      }
    }
    return out;
  }

  /** Call when the body ended; throws unless it was whole. */
  end(): void {
    // Some clients leave out the last empty line.
    const isWhole = this.#line === '' && (this.#state === 'done' || this.#state === 'trailer');
    if (!isWhole) throw incomplete('it ends within a chunk');
    if (this.#state === 'trailer') this.#finish();
    if (this.#decoded !== this.#options.decodedLength) {
      throw incomplete('it is shorter than x-amz-decoded-content-length');
    }
  }

  #takeData(bytes: Uint8Array): void {
    this.#remaining -= bytes.length;
    this.#hash?.update(bytes);
    if (this.#remaining === 0) this.#state = 'data-end';
  }

  #takeLine(piece: Uint8Array, from: number): number {
    const end = piece.indexOf(LINE_FEED, from);
    const until = end < 0 ? piece.length : end;
    if (this.#line.length + until - from > MAX_LINE_BYTES) throw badChunk('a line is too long');
    this.#line += Buffer.from(piece.buffer, piece.byteOffset + from, until - from).toString(
      'latin1',
    );
    if (end < 0) return piece.length;
    const line = this.#line.endsWith('\r') ? this.#line.slice(0, -1) : this.#line;
    this.#line = '';
    this.#handleLine(line);
    return end + 1;
  }

  #handleLine(line: string): void {
    if (this.#state === 'header') this.#startChunk(line);
    else if (this.#state === 'trailer') this.#takeTrailer(line);
    else if (line !== '') throw badChunk('there are bytes after a chunk or after the last one');
    else if (this.#state === 'data-end') this.#endChunk();
  }

  #startChunk(line: string): void {
    const match = /^([0-9a-fA-F]{1,13})(?:;chunk-signature=([0-9a-f]{64}))?$/.exec(line);
    const isSigned = this.#options.chain !== undefined;
    if (match === null || (match[2] !== undefined) !== isSigned) {
      throw badChunk('a chunk header is malformed');
    }
    this.#remaining = Number.parseInt(match[1]!, 16);
    this.#decoded += this.#remaining;
    if (this.#decoded > this.#options.decodedLength) {
      throw incomplete('it is longer than x-amz-decoded-content-length');
    }
    this.#signature = match[2] ?? '';
    this.#hash = isSigned ? createHash('sha256') : undefined;
    if (this.#remaining > 0) {
      this.#state = 'data';
      return;
    }
    this.#verifyChunk();
    this.#state = 'trailer';
  }

  #endChunk(): void {
    this.#verifyChunk();
    this.#state = 'header';
  }

  #verifyChunk(): void {
    if (this.#hash === undefined) return;
    this.#options.chain!.verifyChunk(this.#signature, this.#hash.digest('hex'));
  }

  #takeTrailer(line: string): void {
    if (line === '') {
      this.#finish();
      return;
    }
    const at = line.indexOf(':');
    const name = line.slice(0, Math.max(at, 0)).trim().toLowerCase();
    const isFull = this.#trailers.size >= MAX_TRAILER_LINES;
    if (name === '' || isFull || this.#trailers.has(name)) throw badTrailer('it is malformed');
    this.#trailers.set(name, line.slice(at + 1).trim());
  }

  #finish(): void {
    this.#state = 'done';
    const signature = this.#trailers.get(TRAILER_SIGNATURE);
    this.#trailers.delete(TRAILER_SIGNATURE);
    const { trailers, chain } = this.#options;
    const names = [...this.#trailers.keys()];
    if (names.length !== trailers.length || !names.every((name) => trailers.includes(name))) {
      throw badTrailer('it has other fields than x-amz-trailer announced');
    }
    if (chain === undefined || trailers.length === 0) return;
    const lines = names.map((name) => `${name}:${this.#trailers.get(name)}\n`).join('');
    chain.verifyTrailer(signature ?? '', sha256Hex(lines));
  }
}

function badChunk(why: string): ServiceError {
  const message = `The aws-chunked body is malformed: ${why}.`;
  return new ServiceError({ kind: 'malformed-input', resource: 'request', message });
}

function badTrailer(why: string): ServiceError {
  const message = `The request contained trailing data that was not well-formed: ${why}.`;
  return new ServiceError({ kind: 'malformed-input', resource: 'checksum', message });
}

function incomplete(why: string): ServiceError {
  const message = `The body does not have the announced number of bytes: ${why}.`;
  return new ServiceError({ kind: 'malformed-input', resource: 'content-length', message });
}
