// Owns what an upload is read from: a stream of bytes, and what has to be true of them once all are read.

import { ServiceError } from '@ironbark/core/errors.ts';
import {
  type ChecksumAlgorithm,
  type DigestAlgorithm,
  DigestSet,
  type Digests,
} from '@ironbark/protocol/s3/checksums.ts';

export interface ByteSource {
  readonly chunks: AsyncIterable<Uint8Array>;
  /** Undefined when it is not known before the end. */
  readonly lengthBytes: number | undefined;
  /** Digests that `verify` will ask for. */
  readonly algorithms: readonly DigestAlgorithm[];
  /** The checksum that S3 keeps beside the object, when the sender named one. */
  readonly checksum: ChecksumAlgorithm | undefined;
  /** Throws unless the bytes are those that the sender announced. Call after the last chunk. */
  verify(digests: Digests): void;
}

/** A source that promises nothing about its bytes, or only their SHA-256. */
export function plainSource(
  chunks: AsyncIterable<Uint8Array>,
  options: {
    lengthBytes?: number;
    sha256?: string;
    /** To be computed and kept. */
    checksum?: ChecksumAlgorithm | undefined;
  } = {},
): ByteSource {
  const { sha256, checksum } = options;
  return {
    chunks,
    lengthBytes: options.lengthBytes,
    algorithms: sha256 === undefined ? [] : ['sha256'],
    checksum,
    verify: (digests) => {
      if (sha256 === undefined || digests.get('sha256').toString('hex') === sha256) return;
      throw digestMismatch('SHA-256');
    },
  };
}

/** Reads a small body whole. */
export async function readAll(source: ByteSource, maxBytes: number): Promise<Buffer> {
  const digests = new DigestSet(source.algorithms);
  const pieces: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of source.chunks) {
    length += chunk.length;
    if (length > maxBytes) throw bodyTooLarge(maxBytes);
    digests.update(chunk);
    pieces.push(chunk);
  }
  source.verify(digests);
  return Buffer.concat(pieces);
}

export function digestMismatch(name: string): ServiceError {
  return new ServiceError({
    kind: 'digest-mismatch',
    resource: 'checksum',
    message: `The ${name} you specified did not match what we received.`,
  });
}

function bodyTooLarge(maxBytes: number): ServiceError {
  return new ServiceError({
    kind: 'too-large',
    resource: 'request',
    message: `The body of this request may have at most ${maxBytes} bytes.`,
  });
}
