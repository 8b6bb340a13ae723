// Owns how a signature binds the body: the modes that x-amz-content-sha256 selects, and the chain of chunks.

import { type KeyObject, timingSafeEqual } from 'node:crypto';
import { ServiceError } from '@ironbark/core/errors.ts';
import { type HeaderValues, sha256Hex } from './canonical.ts';
import { hmacHex, renderScope, type Scope } from './signing-key.ts';

/** What is left to check while or after the body is read. Everything else is verified already. */
export type SignedPayload =
  /** Raw body, whose hash has to be this one. */
  | { kind: 'sha256'; sha256: string }
  /** Nothing is authenticated until `check` was called with the hash (hexadecimal) of the whole body. */
  | { kind: 'hash-body'; check(sha256: string): void }
  | { kind: 'unsigned' }
  /** aws-chunked; `trailers` are the names from x-amz-trailer, lower case. */
  | { kind: 'unsigned-trailer'; trailers: readonly string[] }
  | { kind: 'signed-chunks'; chain: ChunkChain }
  | { kind: 'signed-chunks-trailer'; chain: ChunkChain; trailers: readonly string[] };

export const UNSIGNED_PAYLOAD = 'UNSIGNED-PAYLOAD';
export const STREAMING_UNSIGNED_TRAILER = 'STREAMING-UNSIGNED-PAYLOAD-TRAILER';
export const STREAMING_SIGNED = 'STREAMING-AWS4-HMAC-SHA256-PAYLOAD';
export const STREAMING_SIGNED_TRAILER = 'STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER';

export interface ChunkChainOptions {
  key: Uint8Array | KeyObject;
  amzDate: string;
  scope: Scope;
  /** The request's own signature. */
  seed: string;
}

const EMPTY_SHA256 = sha256Hex('');

/** Signs each chunk over the signature before it, so that none can be dropped, added or reordered. */
export class ChunkChain {
  readonly #options: ChunkChainOptions;
  #previous: string;

  constructor(options: ChunkChainOptions) {
    this.#options = options;
    this.#previous = options.seed;
  }

  /** The signature of the next chunk; also the step to it. */
  signChunk(sha256: string): string {
    return this.#step('AWS4-HMAC-SHA256-PAYLOAD', `${EMPTY_SHA256}\n${sha256}`);
  }

  /** `sha256` is that of the trailer's canonical lines, `name:value\n` each. */
  signTrailer(sha256: string): string {
    return this.#step('AWS4-HMAC-SHA256-TRAILER', sha256);
  }

  verifyChunk(signature: string, sha256: string): void {
    requireEqual(signature, this.signChunk(sha256), 'A chunk of the body');
  }

  verifyTrailer(signature: string, sha256: string): void {
    requireEqual(signature, this.signTrailer(sha256), 'The trailer of the body');
  }

  #step(algorithm: string, tail: string): string {
    const { key, amzDate, scope } = this.#options;
    const text = [algorithm, amzDate, renderScope(scope), this.#previous, tail].join('\n');
    this.#previous = hmacHex(key, text);
    return this.#previous;
  }
}

function requireEqual(given: string, expected: string, what: string): void {
  if (isSameSignature(given, expected)) return;
  throw new ServiceError({
    kind: 'not-authenticated',
    resource: 'signature',
    message: `${what} does not match its signature.`,
  });
}

/** Takes the same time wherever the two differ. */
export function isSameSignature(given: string, expected: string): boolean {
  const left = Buffer.from(given, 'latin1');
  const right = Buffer.from(expected, 'latin1');
  return left.length === right.length && timingSafeEqual(left, right);
}

/** The payload of an S3 request from its verified x-amz-content-sha256. */
export function choosePayload(
  contentSha256: string,
  trailerHeader: string | undefined,
  chain: ChunkChain,
): SignedPayload {
  if (/^[0-9a-f]{64}$/.test(contentSha256)) return { kind: 'sha256', sha256: contentSha256 };
  const trailers = parseTrailerNames(trailerHeader);
  switch (contentSha256) {
    case UNSIGNED_PAYLOAD:
      return { kind: 'unsigned' };
    case STREAMING_UNSIGNED_TRAILER:
      return { kind: 'unsigned-trailer', trailers };
    case STREAMING_SIGNED:
      return { kind: 'signed-chunks', chain };
    case STREAMING_SIGNED_TRAILER:
      return { kind: 'signed-chunks-trailer', chain, trailers };
    default:
      throw unknownMode(contentSha256);
  }
}

/** Of a request that nobody signed: its body may be framed, and may be held against its hash. */
export function chooseUnsignedPayload(headers: HeaderValues): SignedPayload {
  const mode = headers.get('x-amz-content-sha256')?.join(',') ?? UNSIGNED_PAYLOAD;
  if (/^[0-9a-f]{64}$/.test(mode)) return { kind: 'sha256', sha256: mode };
  if (mode === UNSIGNED_PAYLOAD) return { kind: 'unsigned' };
  const trailers = parseTrailerNames(headers.get('x-amz-trailer')?.join(','));
  if (mode === STREAMING_UNSIGNED_TRAILER) return { kind: 'unsigned-trailer', trailers };
  throw unknownMode(mode);
}

function parseTrailerNames(header: string | undefined): readonly string[] {
  const names = (header ?? '').split(',').map((name) => name.trim().toLowerCase());
  return names.filter((name) => name !== '');
}

function unknownMode(contentSha256: string): ServiceError {
  const isKnownToAws = contentSha256.startsWith('STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD');
  return new ServiceError({
    kind: isKnownToAws ? 'unsupported' : 'invalid-parameter',
    resource: isKnownToAws ? 'action' : 'signature',
    message: isKnownToAws
      ? 'Signature Version 4A is not supported; sign with AWS4-HMAC-SHA256.'
      : `x-amz-content-sha256 must be ${UNSIGNED_PAYLOAD}, a streaming mode or a SHA-256 in hexadecimal.`,
  });
}
