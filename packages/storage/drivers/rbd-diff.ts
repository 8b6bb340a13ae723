// Owns the streams that say how images differ: what `rbd import-diff` takes (Ceph documentation, "RBD Incremental
// Backup"), and what `rbd diff --format json` tells.

import type { ByteRange } from '@ironbark/protocol/internal/block-target.ts';

const HEADER = 'rbd diff v1\n';
const NUMBER_BYTES = 8;

/** What begins the change of an image of this size; pieces follow, then the end. */
export function renderDiffStart(imageBytes: number): Buffer {
  return Buffer.concat([Buffer.from(HEADER), Buffer.from('s'), number(imageBytes)]);
}

/** What goes before these bytes. */
export function renderPieceStart(offset: number, length: number): Buffer {
  return Buffer.concat([Buffer.from('w'), number(offset), number(length)]);
}

export const DIFF_END = Buffer.from('e');

function number(value: number): Buffer {
  const buffer = Buffer.alloc(NUMBER_BYTES);
  buffer.writeBigUInt64LE(BigInt(value));
  return buffer;
}

const TOKEN = /\s*(?:([[\],])|\{"offset":(\d+),"length":(\d+),"exists":"(?:true|false)"\})/y;
/** Longer than any token; what is longer without one is something else. */
const MAX_REST = 256;

/**
 * What has changed, in order, neighbours joined; also where there is nothing any more. It is read as it comes: an image
 * of some terabytes can have a million of them.
 */
export async function readChanges(text: AsyncIterable<string | Buffer>): Promise<ByteRange[]> {
  const ranges: ByteRange[] = [];
  let rest = '';
  let marks = '';
  for await (const piece of text) {
    rest += piece.toString();
    let end = 0;
    TOKEN.lastIndex = 0;
    for (let token = TOKEN.exec(rest); token !== null; token = TOKEN.exec(rest)) {
      end = TOKEN.lastIndex;
      if (token[1] === undefined) addRange(ranges, Number(token[2]), Number(token[3]));
      else if (token[1] !== ',') marks += token[1];
    }
    rest = rest.slice(end);
    if (rest.length > MAX_REST) throw unreadable();
  }
  // One that was cut short has no end.
  if (marks !== '[]' || rest.trim() !== '') throw unreadable();
  return ranges;
}

function addRange(ranges: ByteRange[], offset: number, length: number): void {
  const last = ranges.at(-1);
  if (last !== undefined && last.offset + last.length === offset) last.length += length;
  else ranges.push({ offset, length });
}

function unreadable(): Error {
  return new Error('rbd diff: what it says is not understood');
}
