// Owns the checksums that S3 names: their headers and XML members, how each is computed and combined.

import { createHash } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { CRC64_START, type CrcName, combineCrcs, crc32c, crc64nvme } from './crc.ts';

export type ChecksumAlgorithm = 'crc32' | 'crc32c' | 'crc64nvme' | 'sha1' | 'sha256';
export type DigestAlgorithm = ChecksumAlgorithm | 'md5';
export type ChecksumType = 'FULL_OBJECT' | 'COMPOSITE';

export interface Checksum {
  algorithm: ChecksumAlgorithm;
  /** Base64; a composite one ends in `-` and the number of parts. */
  value: string;
  type: ChecksumType;
}

export const CHECKSUM_ALGORITHMS: readonly ChecksumAlgorithm[] = [
  'crc32',
  'crc32c',
  'crc64nvme',
  'sha1',
  'sha256',
];

const SIZES: Readonly<Record<DigestAlgorithm, number>> = {
  crc32: 4,
  crc32c: 4,
  crc64nvme: 8,
  sha1: 20,
  sha256: 32,
  md5: 16,
};

export function checksumHeader(algorithm: ChecksumAlgorithm): string {
  return `x-amz-checksum-${algorithm}`;
}

/** `ChecksumCRC32C` */
export function checksumElement(algorithm: ChecksumAlgorithm): string {
  return `Checksum${algorithm.toUpperCase()}`;
}

export function findAlgorithm(name: string): ChecksumAlgorithm | undefined {
  return CHECKSUM_ALGORITHMS.find((algorithm) => algorithm === name.toLowerCase());
}

/** Undefined unless the text is canonical base64 of this algorithm's length. */
export function parseDigest(algorithm: DigestAlgorithm, text: string): Buffer | undefined {
  const bytes = Buffer.from(text, 'base64');
  const isGood = bytes.length === SIZES[algorithm] && bytes.toString('base64') === text;
  return isGood ? bytes : undefined;
}

interface Digest {
  update(bytes: Uint8Array): void;
  digest(): Buffer;
}

function createDigest(algorithm: DigestAlgorithm): Digest {
  if (algorithm === 'crc32') return new Crc32Digest(crc32);
  if (algorithm === 'crc32c') return new Crc32Digest(crc32c);
  if (algorithm === 'crc64nvme') return new Crc64Digest();
  return createHash(algorithm);
}

class Crc32Digest implements Digest {
  readonly #step: (bytes: Uint8Array, crc: number) => number;
  #crc = 0;

  constructor(step: (bytes: Uint8Array, crc: number) => number) {
    this.#step = step;
  }

  update(bytes: Uint8Array): void {
    this.#crc = this.#step(bytes, this.#crc);
  }

  digest(): Buffer {
    const out = Buffer.alloc(4);
    out.writeUInt32BE(this.#crc);
    return out;
  }
}

class Crc64Digest implements Digest {
  #crc = CRC64_START;

  update(bytes: Uint8Array): void {
    this.#crc = crc64nvme(bytes, this.#crc);
  }

  digest(): Buffer {
    const out = Buffer.alloc(8);
    out.writeUInt32BE(this.#crc.high);
    out.writeUInt32BE(this.#crc.low, 4);
    return out;
  }
}

/** Digests of bytes that were all taken. */
export interface Digests {
  /** Throws for one that was not asked for. */
  get(algorithm: DigestAlgorithm): Buffer;
}

/** Several digests over one pass of the bytes. */
export class DigestSet implements Digests {
  readonly #running: ReadonlyMap<DigestAlgorithm, Digest>;
  readonly #done = new Map<DigestAlgorithm, Buffer>();

  constructor(algorithms: Iterable<DigestAlgorithm>) {
    this.#running = new Map([...new Set(algorithms)].map((name) => [name, createDigest(name)]));
  }

  update(bytes: Uint8Array): void {
    for (const digest of this.#running.values()) digest.update(bytes);
  }

  /** Call when all bytes were taken. Undefined for one that was not asked for. */
  find(algorithm: DigestAlgorithm): Buffer | undefined {
    const known = this.#done.get(algorithm) ?? this.#running.get(algorithm)?.digest();
    if (known !== undefined) this.#done.set(algorithm, known);
    return known;
  }

  get(algorithm: DigestAlgorithm): Buffer {
    const value = this.find(algorithm);
    if (value === undefined) throw new Error(`the ${algorithm} of the bytes was not computed`);
    return value;
  }
}

/** CRC64NVME exists for whole objects only, SHA for composites only; AWS takes composite where both are possible. */
export function defaultChecksumType(algorithm: ChecksumAlgorithm): ChecksumType {
  return algorithm === 'crc64nvme' ? 'FULL_OBJECT' : 'COMPOSITE';
}

export function allowsChecksumType(algorithm: ChecksumAlgorithm, type: ChecksumType): boolean {
  if (algorithm === 'crc64nvme') return type === 'FULL_OBJECT';
  return type === 'COMPOSITE' || algorithm === 'crc32' || algorithm === 'crc32c';
}

export interface PartChecksum {
  /** Base64. */
  value: string;
  sizeBytes: number;
}

/** The checksum of a multipart object from those of its parts. */
export function combineChecksums(
  algorithm: ChecksumAlgorithm,
  type: ChecksumType,
  parts: readonly PartChecksum[],
): Checksum {
  if (type === 'FULL_OBJECT') {
    return { algorithm, type, value: combineFull(algorithm as CrcName, parts) };
  }
  const digests = new DigestSet([algorithm]);
  for (const part of parts) digests.update(Buffer.from(part.value, 'base64'));
  const value = `${digests.get(algorithm).toString('base64')}-${parts.length}`;
  return { algorithm, type, value };
}

function combineFull(algorithm: CrcName, parts: readonly PartChecksum[]): string {
  const crcs = parts.map((part) => ({
    crc: BigInt(`0x${Buffer.from(part.value, 'base64').toString('hex')}`),
    sizeBytes: part.sizeBytes,
  }));
  const digits = combineCrcs(algorithm, crcs)
    .toString(16)
    .padStart(SIZES[algorithm] * 2, '0');
  return Buffer.from(digits, 'hex').toString('base64');
}
