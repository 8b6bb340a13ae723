// Owns going through a chain of records from its newest on, for those who look for a few. Nothing is proven here: that is
// the reader's work.

import { open } from 'node:fs/promises';
import { setImmediate } from 'node:timers/promises';
import { hasCode, readFileIfPresent } from './files.ts';
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
    const path = segmentPath(directory, name, segment);
    if (await isAfter(path, search.before)) continue;
    // One at a time is in memory; a segment has a few MiB.
    const bytes = await readFileIfPresent(path);
    if (bytes === undefined) continue;
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
async function isAfter(path: string, before: number | undefined): Promise<boolean> {
  if (before === undefined) return false;
  const beginning = await readBeginning(path);
  const first = beginning === undefined ? undefined : sequenceOf(beginning);
  return first !== undefined && first >= before;
}

/** As much as the first number takes; undefined when the segment has gone meanwhile. */
async function readBeginning(path: string): Promise<string | undefined> {
  try {
    await using file = await open(path, 'r');
    const { buffer, bytesRead } = await file.read(Buffer.alloc(64), 0, 64, 0);
    return buffer.toString('utf8', 0, bytesRead);
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return undefined;
    throw error;
  }
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
