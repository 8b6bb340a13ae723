// Owns bit rot: one bit of a blob, or of what the log says of it, is flipped on the disk, the blob is read, and what comes out has to be the bytes that
// were written or an error; then the bit is put right.

import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { MIB } from '@ironbark/core/units.ts';
import { type BlobLog, openBlobLog } from '@ironbark/objects/drivers/blob-log.ts';
import type { BlobStore, OpenBlob } from '@ironbark/objects/drivers/blob-store.ts';
import { openDiskBlobStore } from '@ironbark/objects/drivers/disk-blob-store.ts';
import { HashThreads } from '@ironbark/objects/drivers/hash-threads.ts';
import { RECORD_HEADER_BYTES } from '@ironbark/objects/drivers/log-record.ts';
import { MAX_LOGGED_BYTES } from '@ironbark/objects/drivers/logged-blob.ts';
import { giveBack } from '@ironbark/platform/blocks.ts';
import { type RandomSource, seededRandom } from '@ironbark/platform/random.ts';

export interface BitRotRun {
  folder: string;
  flips: number;
  seed: number;
}

export interface BitRotResult {
  flips: number;
  /** Reads of a whole blob that did not notice. */
  unnoticed: number;
  /** Reads, of a whole blob or of a range, that gave out a byte that was never written. */
  wrong: number;
}

/** Around the size of a block, which has one CRC; the last is large enough for another thread. */
const SIZES = [1, 600, 20_000, 300_000, MIB, MIB + 1, 2 * MIB + 70_000, 4 * MIB + 3] as const;

const PATTERN_BYTES = 5_000;

const LOGGED_SIZES = [1, 600, 20_000, MAX_LOGGED_BYTES] as const;

interface Sample {
  open(): Promise<OpenBlob>;
  bytes: Buffer;
  path: string;
  /** What of the file is the blob's. */
  from: number;
  length: number;
}

export async function flipBits({ folder, flips, seed }: BitRotRun): Promise<BitRotResult> {
  const random = seededRandom(seed);
  await using hashing = new HashThreads();
  const store = await openDiskBlobStore(folder, hashing);
  const samples: Sample[] = [];
  await using log = await openBlobLog({ folder: join(folder, 'log'), lastKnown: 0 });
  for (const size of LOGGED_SIZES) samples.push(await makeLogged(log, folder, size, random));
  for (const size of SIZES) samples.push(await makeSample(store, folder, size, random));
  const result = { flips, unnoticed: 0, wrong: 0 };
  for (let flip = 0; flip < flips; flip++) {
    // Small ones are read quickly, so they come up more often.
    const sample = samples[Math.floor(random.fraction() ** 2 * samples.length)]!;
    const at = sample.from + Math.floor(random.fraction() * sample.length);
    const bit = Math.floor(random.fraction() * 8);
    await flipBit(sample, at, bit);
    const whole = await read(sample, 0, sample.bytes.length - 1);
    const start = Math.floor(random.fraction() * sample.bytes.length);
    const range = await read(sample, start, sample.bytes.length - 1);
    if (!whole.isRefused) result.unnoticed += 1;
    if (whole.isWrong || range.isWrong) result.wrong += 1;
    await flipBit(sample, at, bit);
  }
  return result;
}

async function makeSample(
  store: BlobStore,
  folder: string,
  size: number,
  random: RandomSource,
): Promise<Sample> {
  const id = size.toString(16).padStart(32, '0');
  const content = Buffer.alloc(size, random.bytes(Math.min(size, PATTERN_BYTES)));
  const chunks = (async function* () {
    yield content;
  })();
  const limits = { lengthBytes: size, maxBytes: size };
  const blob = await store.write({ id, chunks, ...limits });
  const path = join(folder, id.slice(0, 2), id);
  return { open: () => store.open(blob), bytes: content, path, from: 0, length: size };
}

/** Its header is a part of it. */
async function makeLogged(
  log: BlobLog,
  folder: string,
  size: number,
  random: RandomSource,
): Promise<Sample> {
  const bytes = Buffer.alloc(size, random.bytes(Math.min(size, PATTERN_BYTES)));
  const blob = await log.append(random.bytes(16).toString('hex'), bytes);
  return {
    open: () => log.open(blob),
    bytes,
    path: join(folder, 'log', '00000001.log'),
    from: blob.place.offset - RECORD_HEADER_BYTES,
    length: RECORD_HEADER_BYTES + size,
  };
}

async function flipBit({ path }: Sample, at: number, bit: number): Promise<void> {
  await using file = await open(path, 'r+');
  const byte = Buffer.alloc(1);
  await file.read(byte, 0, 1, at);
  byte[0]! ^= 1 << bit;
  await file.write(byte, 0, 1, at);
}

async function read(
  { open: openBlob, bytes }: Sample,
  start: number,
  end: number,
): Promise<{ isRefused: boolean; isWrong: boolean }> {
  const got: Uint8Array[] = [];
  let isRefused = false;
  try {
    await using opened = await openBlob();
    for await (const piece of opened.read(start, end)) got.push(piece);
  } catch (error) {
    if (!(error instanceof Error) || error.name !== 'DamagedBlobError') throw error;
    isRefused = true;
  }
  const all = Buffer.concat(got);
  for (const piece of got) giveBack(piece);
  return { isRefused, isWrong: !all.equals(bytes.subarray(start, start + all.length)) };
}
