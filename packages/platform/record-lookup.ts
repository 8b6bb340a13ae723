// Owns going through a chain of records from its newest on, for those who look for a few. Nothing is proven here: that is
// the reader's work.

import { setImmediate } from 'node:timers/promises';
import { readFileIfPresent } from './files.ts';
import {
  type ChainLine,
  listSegments,
  parseLine,
  SEGMENT_START,
  segmentPath,
} from './record-lines.ts';

/** Others have their turn after so many, a few milliseconds each time. */
const LINES_AT_ONCE = 500;

export interface RecordSearch {
  /** Only records before this number. */
  before?: number;
  /** Part of a line of interest; the others are not parsed. */
  containing: string;
  /** At most so many lines are looked at. */
  maxLines: number;
  /** False ends the search after this record. */
  take: (line: ChainLine) => boolean;
}

/** The number of the last line that was looked at, to go on before it; undefined when there is no more. */
export async function searchNewest(
  directory: string,
  name: string,
  search: RecordSearch,
): Promise<number | undefined> {
  let left = search.maxLines;
  for (const segment of (await listSegments(directory, name)).toReversed()) {
    // One at a time is in memory; a segment has a few MiB.
    const bytes = await readFileIfPresent(segmentPath(directory, name, segment));
    if (bytes === undefined || isAfter(bytes, search.before)) continue;
    for (const text of linesBackwards(bytes)) {
      const sequence = sequenceOf(text);
      if (sequence === undefined || sequence >= (search.before ?? Number.POSITIVE_INFINITY))
        continue;
      if (!goesOn(text, search)) return sequence;
      left -= 1;
      if (left <= 0) return sequence;
      if (left % LINES_AT_ONCE === 0) await setImmediate();
    }
  }
  return undefined;
}

function goesOn(text: string, { containing, take }: RecordSearch): boolean {
  const line = text.includes(containing) ? parseLine(text) : undefined;
  return line === undefined || line.record[SEGMENT_START] !== undefined || take(line);
}

/** All of this segment was looked at before. */
function isAfter(bytes: Buffer, before: number | undefined): boolean {
  if (before === undefined) return false;
  const first = sequenceOf(bytes.toString('utf8', 0, Math.min(bytes.length, 64)));
  return first !== undefined && first >= before;
}

function sequenceOf(text: string): number | undefined {
  const digits = /^\{"sequence":(\d{1,15}),/.exec(text)?.[1];
  return digits === undefined ? undefined : Number(digits);
}

/** What has no newline at its end is not whole. */
function* linesBackwards(bytes: Buffer): Generator<string> {
  for (let end = bytes.lastIndexOf(0x0a); end >= 0; ) {
    const start = end === 0 ? 0 : bytes.lastIndexOf(0x0a, end - 1) + 1;
    yield bytes.toString('utf8', start, end);
    end = start - 1;
  }
}
