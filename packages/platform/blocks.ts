// Owns blocks of memory for bytes on their way between disks, sockets and threads. They are used again, since touching
// fresh memory costs more than copying does, and threads see them without a copy.

import { MIB } from '@ironbark/core/units.ts';

export const BLOCK_BYTES = MIB;

/** Kept for the next one who asks; the rest goes back to the system. */
const MAX_IDLE = 32;

const idle: SharedArrayBuffer[] = [];
/** By the one view that stands for its block. */
const lent = new WeakMap<Uint8Array, SharedArrayBuffer>();

/**
 * What is in it is of no account. One that is never given back is collected in the end, but shared memory does not hurry
 * the collector: who keeps bytes for long copies them.
 */
export function takeBlock(): Buffer {
  return lend(idle.pop() ?? new SharedArrayBuffer(BLOCK_BYTES), 0, BLOCK_BYTES);
}

function lend(memory: SharedArrayBuffer, start: number, end: number): Buffer {
  const view = Buffer.from(memory, start, end - start);
  lent.set(view, memory);
  return view;
}

/** A part that stands for the block from now on. */
export function cutBlock(block: Buffer, start: number, end: number): Buffer {
  const memory = lent.get(block);
  if (memory === undefined) return block.subarray(start, end);
  lent.delete(block);
  const from = block.byteOffset + start;
  return lend(memory, from, Math.max(from, block.byteOffset + Math.min(end, block.length)));
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
  const memory = lent.get(view);
  if (memory === undefined) return;
  lent.delete(view);
  if (idle.length < MAX_IDLE) idle.push(memory);
}
