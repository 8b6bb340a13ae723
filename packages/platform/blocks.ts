// Owns blocks of memory for bytes on their way between disks, sockets and threads. They are used again, since touching
// fresh memory costs more than copying does, and threads see them without a copy.

import { MIB } from '@ironbark/core/units.ts';
import type { BlockShare } from './block-allowance.ts';

export const BLOCK_BYTES = MIB;

interface Loan {
  memory: SharedArrayBuffer;
  share: BlockShare | undefined;
}

/**
 * None is ever dropped: a thread that has seen it keeps it until its own collector runs, which shared memory does not
 * hurry. So this grows to what was in use at once, which is for shares (block-allowance.ts) to limit.
 */
const idle: SharedArrayBuffer[] = [];
/** By the one view that stands for its block. */
const lent = new WeakMap<Uint8Array, Loan>();
/** The memory is not used again, as somebody may have a part of it; the share is. */
const lost = new FinalizationRegistry<BlockShare>((share) => share.remove());

/**
 * What is in it is of no account. One that is never given back is collected in the end, but shared memory does not hurry
 * the collector: who keeps bytes for long copies them.
 */
export function takeBlock(): Buffer {
  return lendNew(undefined);
}

/** One that the share has room for; undefined where it has none. */
export function tryTakeBlock(share: BlockShare): Buffer | undefined {
  return share.tryAdd() ? lendNew(share) : undefined;
}

/** Once the share has room for it, which it has at the latest when all that were taken of it were given back. */
export async function waitForBlock(share: BlockShare): Promise<Buffer> {
  await share.add();
  return lendNew(share);
}

function lendNew(share: BlockShare | undefined): Buffer {
  const loan = { memory: idle.pop() ?? new SharedArrayBuffer(BLOCK_BYTES), share };
  if (share !== undefined) lost.register(loan, share, loan);
  return lend(loan, 0, BLOCK_BYTES);
}

function lend(loan: Loan, start: number, end: number): Buffer {
  const view = Buffer.from(loan.memory, start, end - start);
  lent.set(view, loan);
  return view;
}

/** A part that stands for the block from now on. */
export function cutBlock(block: Buffer, start: number, end: number): Buffer {
  const loan = lent.get(block);
  if (loan === undefined) return block.subarray(start, end);
  lent.delete(block);
  const from = block.byteOffset + start;
  return lend(loan, from, Math.max(from, block.byteOffset + Math.min(end, block.length)));
}

/** Whether it is a block of this file, with nothing cut off. */
export function isWholeBlock(bytes: Uint8Array): bytes is Buffer {
  return bytes.length === BLOCK_BYTES && lent.has(bytes);
}

/**
 * Frees the memory behind bytes that nobody looks at any more, at once, where no one else has a part of it. The collector
 * would be called for it again and again while bytes stream through.
 */
export function freeAtOnce({ buffer, byteLength }: Uint8Array): void {
  if (buffer instanceof ArrayBuffer && buffer.byteLength === byteLength) buffer.transfer(0);
}

/** Nobody may look at it any more. What is no block, or was given back before, is nobody's loss. */
export function giveBack(view: Uint8Array): void {
  const loan = lent.get(view);
  if (loan === undefined) return;
  lent.delete(view);
  idle.push(loan.memory);
  lost.unregister(loan);
  loan.share?.remove();
}
