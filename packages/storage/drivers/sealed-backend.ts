// Owns encrypted volumes above any backend: a LUKS header before the volume's bytes, and zeros that are written.
//
// What nobody has written would be decrypted to noise, so a new volume, and what a volume grows by, is filled with
// encrypted zeros. How far that has come is in the volume's row: what is behind it does not belong to the volume yet.
// One that its target lays over something (daemon-layer.ts) is filled by that, behind its guest.

import type { VolumeId } from '@ironbark/core/ids.ts';
import { MIB } from '@ironbark/core/units.ts';
import type { RandomSource } from '@ironbark/platform/random.ts';
import { SECTOR_BYTES, sealSectors, sealZeroSectors } from './aes-xts.ts';
import { LUKS_HEADER_BYTES, type LuksKeys, renderLuksHeader } from './luks-header.ts';
import type { MakeOptions, VolumeBackend, VolumeContent } from './volume-backend.ts';

export interface SealFacts {
  /** Of the volume's bytes, from their beginning; null while the volume is being made. */
  sealedBytes: number | null;
  openKeys(): Promise<LuksKeys>;
}

export interface SealOptions {
  /** Undefined: the volume is not encrypted. */
  findSeal(id: VolumeId): Promise<SealFacts | undefined>;
  random: RandomSource;
  /** `assumed`: whoever reads takes zeros on the disk for zeros; for simulated clouds alone. */
  zeros: 'written' | 'assumed';
}

/** Encrypted in one go, a few milliseconds' work; other work gets its turn between two pieces. */
const PIECE_BYTES = MIB;

export function sealBackend(inner: VolumeBackend, options: SealOptions): VolumeBackend {
  const { findSeal } = options;
  return {
    ...inner,
    inspect: async (id) => {
      const facts = await inner.inspect(id);
      const seal = facts === undefined ? undefined : await findSeal(id);
      if (facts === undefined || seal === undefined) return facts;
      const present = Math.max(0, facts.sizeBytes - LUKS_HEADER_BYTES);
      return { ...facts, sizeBytes: Math.min(present, seal.sealedBytes ?? present) };
    },
    create: async (id, sizeBytes, making) => {
      const seal = await findSeal(id);
      if (seal === undefined) return inner.create(id, sizeBytes, making);
      const keys = await seal.openKeys();
      const contents =
        making?.isMapped === true
          ? headerAlone(keys, options)
          : sealContents(keys, { sizeBytes, making }, options);
      await inner.createFrom(id, sizeBytes + LUKS_HEADER_BYTES, contents);
    },
    createFrom: async (id, sizeBytes, contents) => {
      const seal = await findSeal(id);
      if (seal === undefined) return inner.createFrom(id, sizeBytes, contents);
      const sealed = sealContents(await seal.openKeys(), { sizeBytes, contents }, options);
      await inner.createFrom(id, sizeBytes + LUKS_HEADER_BYTES, sealed);
    },
    grow: async (id, sizeBytes, making) => {
      const seal = await findSeal(id);
      if (seal === undefined) return inner.grow(id, sizeBytes);
      const keys = await seal.openKeys();
      const own =
        seal.sealedBytes === null ? {} : { ownBytes: seal.sealedBytes + LUKS_HEADER_BYTES };
      await inner.grow(id, sizeBytes + LUKS_HEADER_BYTES, own);
      if (making?.isMapped === true) return;
      const range = { from: seal.sealedBytes ?? 0, to: sizeBytes };
      await inner.overwrite(id, sealZeros(keys, range, options));
    },
  };
}

interface Contents {
  sizeBytes: number;
  /** In order, in whole sectors; zeros elsewhere. */
  contents?: AsyncIterable<VolumeContent>;
  making?: MakeOptions | undefined;
}

async function* sealContents(
  keys: LuksKeys,
  { sizeBytes, contents, making }: Contents,
  options: SealOptions,
): AsyncGenerator<VolumeContent> {
  yield* headerAlone(keys, options);
  let at = 0;
  for await (const { offset, bytes } of contents ?? []) {
    if (offset < at) throw new Error('the contents of a volume are not in order');
    yield* sealZeros(keys, { from: at, to: offset }, options);
    yield sealPiece(keys, offset, bytes);
    at = offset + bytes.length;
  }
  for await (const piece of sealZeros(keys, { from: at, to: sizeBytes }, options)) {
    making?.signal?.throwIfAborted();
    yield piece;
    const done = piece.offset + piece.bytes.length - LUKS_HEADER_BYTES;
    await making?.onProgress?.(Math.floor((done * 100) / sizeBytes));
  }
}

async function* headerAlone(
  keys: LuksKeys,
  { random }: SealOptions,
): AsyncGenerator<VolumeContent> {
  yield { offset: 0, bytes: renderLuksHeader(keys, random) };
}

async function* sealZeros(
  keys: LuksKeys,
  { from, to }: { from: number; to: number },
  { zeros }: SealOptions,
): AsyncGenerator<VolumeContent> {
  if (zeros === 'assumed') return;
  for (let at = from; at < to; at += PIECE_BYTES) {
    const run = { key: keys.payloadKey, first: at / SECTOR_BYTES };
    const bytes = sealZeroSectors(run, Math.min(PIECE_BYTES, to - at));
    yield { offset: LUKS_HEADER_BYTES + at, bytes };
  }
}

function sealPiece(keys: LuksKeys, offset: number, bytes: Uint8Array): VolumeContent {
  const run = { key: keys.payloadKey, first: offset / SECTOR_BYTES };
  return { offset: LUKS_HEADER_BYTES + offset, bytes: sealSectors(run, bytes) };
}
