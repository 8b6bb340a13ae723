// Owns how a blob's bytes come out of its file: whole blocks, each checked against its sum before a byte of it is given.

import type { FileHandle } from 'node:fs/promises';
import { BlockAllowance } from '@ironbark/platform/block-allowance.ts';
import {
  BLOCK_BYTES,
  cutBlock,
  giveBack,
  takeBlock,
  tryTakeBlock,
} from '@ironbark/platform/blocks.ts';
import type { StoredBlob } from './blob-store.ts';
import { DamagedBlobError } from './block-crcs.ts';
import { decodeSums, type SumKind, sumOf } from './block-sums.ts';
import { type HashThreads, THREADED_BYTES } from './hash-threads.ts';

/** Read and checked while one is being sent. */
const BLOCKS_AHEAD = 2;
/**
 * Of all reads, beside one block each. Without it each goes on, a block at a time: a thousand readers of large objects hold
 * 1,128 MiB however slow they are, and a block more each where the next is asked for before the last one is out.
 */
const allowance = new BlockAllowance(128);

export interface ReadOptions {
  start: number;
  /** Inclusive. */
  end: number;
  hashing: HashThreads;
}

export async function* readBlocks(
  handle: FileHandle,
  blob: StoredBlob,
  { start, end, hashing }: ReadOptions,
): AsyncGenerator<Uint8Array> {
  const { kind, sums } = decodeSums(blob.blockCrcs);
  const last = Math.floor(end / BLOCK_BYTES);
  let next = Math.floor(start / BLOCK_BYTES);
  const share = allowance.newShare();
  const ahead: Promise<Buffer>[] = [];
  try {
    for (let index = next; index <= last; index++) {
      for (; next <= Math.min(last, index + BLOCKS_AHEAD); next++) {
        const memory = tryTakeBlock(share) ?? (next === index ? takeBlock() : undefined);
        if (memory === undefined) break;
        const block = readBlock(handle, blob, {
          memory,
          index: next,
          kind,
          sum: sums[next],
          hashing,
        });
        // Its failure is met at its turn, or by nobody when the reader stops before.
        block.catch(() => {});
        ahead.push(block);
      }
      const block = await ahead.shift()!;
      const at = index * BLOCK_BYTES;
      yield cutBlock(block, Math.max(start - at, 0), Math.min(end + 1 - at, block.length));
    }
  } finally {
    // Nobody reads from a handle that is closed, nor into a block that somebody else has.
    for (const block of await Promise.allSettled(ahead)) {
      if (block.status === 'fulfilled') giveBack(block.value);
    }
  }
}

interface WantedBlock {
  memory: Buffer;
  index: number;
  kind: SumKind;
  sum: number | undefined;
  hashing: HashThreads;
}

async function readBlock(
  handle: FileHandle,
  blob: StoredBlob,
  { memory, index, kind, sum, hashing }: WantedBlock,
): Promise<Buffer> {
  const at = index * BLOCK_BYTES;
  const block = cutBlock(memory, 0, Math.min(BLOCK_BYTES, blob.sizeBytes - at));
  try {
    await readFully(handle, block, at, blob.id);
    // The other kind takes less than handing the block to a thread.
    const isLarge = kind === 'crc32' && blob.sizeBytes >= THREADED_BYTES;
    const found = isLarge ? await hashing.crcOf(block) : sumOf(kind, block);
    if (found !== sum) throw new DamagedBlobError(blob.id, `block ${index}`);
    return block;
  } catch (error) {
    giveBack(block);
    throw error;
  }
}

async function readFully(
  handle: FileHandle,
  block: Buffer,
  position: number,
  id: string,
): Promise<void> {
  let done = 0;
  while (done < block.length) {
    const { bytesRead } = await handle.read(block, done, block.length - done, position + done);
    if (bytesRead === 0) throw new DamagedBlobError(id, 'ends early');
    done += bytesRead;
  }
}
