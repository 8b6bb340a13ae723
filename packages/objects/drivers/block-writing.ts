// Owns how a blob's bytes get to where it is kept: in blocks, several of which are digested and written at the same time.

import { ServiceError } from '@ironbark/core/errors.ts';
import { MIB } from '@ironbark/core/units.ts';
import { BlockAllowance } from '@ironbark/platform/block-allowance.ts';
import {
  BLOCK_BYTES,
  cutBlock,
  giveBack,
  isWholeBlock,
  waitForBlock,
} from '@ironbark/platform/blocks.ts';
import type { WriteBlobInput } from './blob-store.ts';
import { encodeSums, type SumKind, sumOf } from './block-sums.ts';

/** Of one blob, beside the one that is being filled; as much again is held where it is encrypted. */
const MAX_UNDER_WAY = 4;
/**
 * Of all blobs whose bytes do not come in blocks of their own, filling and under way, beside the one that each always has.
 * A thousand large parts hold 1,064 MiB here, and 1,064 MiB where they arrive (http/incoming-bytes.ts); parts that come as
 * plain bytes pass their blocks on, and hold only the latter but for their last block.
 */
const MAX_EXTRA_BLOCKS = 64;

const allowance = new BlockAllowance(MAX_EXTRA_BLOCKS);
/** So that the disk works while the rest arrives, and the last sync has little left to do. */
const SYNC_EVERY_BYTES = 8 * MIB;

export interface BlockSink {
  /** What is kept of each block. */
  readonly sum: SumKind;
  /** Called in order, and again before the one before has resolved; the bytes stay as they are until it resolves. */
  write(bytes: Uint8Array, at: number): Promise<void>;
  /** Takes what was written so far to stable storage. */
  settle(): Promise<void>;
}

/**
 * Resolves when all is written; to be synced once more. When it throws, nothing is under way any more.
 */
export async function writeBlocks(
  sink: BlockSink,
  input: WriteBlobInput,
): Promise<{ sizeBytes: number; blockCrcs: string }> {
  const sums: number[] = [];
  const underWay = new UnderWay();
  const syncs = new EarlySyncs(() => sink.settle());
  let sizeBytes = 0;
  try {
    for await (const block of toBlocks(input.chunks)) {
      const at = sizeBytes;
      sizeBytes += block.length;
      try {
        if (sizeBytes > input.maxBytes) throw tooLarge();
        syncs.requireSuccess();
        await underWay.room();
      } catch (error) {
        giveBack(block);
        throw error;
      }
      underWay.add(async () => {
        sums[at / BLOCK_BYTES] = await takeIn(sink, block, { at, input });
        syncs.count(block.length);
      });
    }
  } finally {
    await underWay.ended();
    await syncs.ended();
  }
  underWay.requireSuccess();
  syncs.requireSuccess();
  return { sizeBytes, blockCrcs: encodeSums({ kind: sink.sum, sums }) };
}

/** Digests and writes a block, and answers the sum of what was written. */
async function takeIn(
  sink: BlockSink,
  block: Buffer,
  { at, input }: { at: number; input: WriteBlobInput },
): Promise<number> {
  const digested = input.digests?.update(block, sink.sum) ?? sumOf(sink.sum, block);
  const kept = input.seal?.(block) ?? block;
  const sum = kept === block ? digested : sumOf(sink.sum, kept);
  const works = [sum, digested, sink.write(kept, at)] as const;
  // Until all have ended somebody looks at the block.
  await Promise.allSettled(works);
  giveBack(block);
  return (await Promise.all(works))[0];
}

/** Blocks that are being taken in. */
class UnderWay {
  readonly #works = new Set<Promise<void>>();
  #failures: unknown[] = [];

  add(work: () => Promise<void>): void {
    const running: Promise<void> = work()
      .catch((error: unknown) => {
        this.#failures.push(error);
      })
      .finally(() => this.#works.delete(running));
    this.#works.add(running);
  }

  /** Resolves when there is room for one more; throws once one has failed. */
  async room(): Promise<void> {
    while (this.#works.size >= MAX_UNDER_WAY) await Promise.race(this.#works);
    this.requireSuccess();
  }

  async ended(): Promise<void> {
    await Promise.all(this.#works);
  }

  requireSuccess(): void {
    if (this.#failures.length > 0) throw this.#failures[0];
  }
}

/** Syncs now and then, one at a time. */
class EarlySyncs {
  readonly #sync: () => Promise<void>;
  #unsyncedBytes = 0;
  #running: Promise<void> | undefined;
  #failures: unknown[] = [];

  constructor(sync: () => Promise<void>) {
    this.#sync = sync;
  }

  count(writtenBytes: number): void {
    this.#unsyncedBytes += writtenBytes;
    if (this.#unsyncedBytes < SYNC_EVERY_BYTES || this.#running !== undefined) return;
    this.#unsyncedBytes = 0;
    this.#running = this.#sync()
      .catch((error: unknown) => {
        this.#failures.push(error);
      })
      .finally(() => {
        this.#running = undefined;
      });
  }

  async ended(): Promise<void> {
    await this.#running;
  }

  requireSuccess(): void {
    if (this.#failures.length > 0) throw this.#failures[0];
  }
}

/** Each of them full, but for the last. */
async function* toBlocks(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Buffer> {
  const share = allowance.newShare();
  let filling: Buffer | undefined;
  let filled = 0;
  const cut = () => {
    const block = cutBlock(filling!, 0, filled);
    filling = undefined;
    filled = 0;
    return block;
  };
  try {
    for await (const chunk of chunks) {
      if (filled === 0 && isWholeBlock(chunk)) {
        yield chunk;
        continue;
      }
      for (let at = 0; at < chunk.length; ) {
        // What is under way ends without us, and gives its own back.
        filling ??= await waitForBlock(share);
        const piece = chunk.subarray(at, at + BLOCK_BYTES - filled);
        filling.set(piece, filled);
        filled += piece.length;
        at += piece.length;
        if (filled === BLOCK_BYTES) yield cut();
      }
      giveBack(chunk);
    }
    if (filling !== undefined) yield cut();
  } finally {
    if (filling !== undefined) giveBack(filling);
  }
}

function tooLarge(): ServiceError {
  return new ServiceError({
    kind: 'too-large',
    resource: 'object',
    message: 'Your proposed upload exceeds the maximum allowed size.',
  });
}
