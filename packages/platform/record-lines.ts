// Owns the form of a chain of records on disk: names of files, lines, and how a line is bound to the one before it.

import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { listIfPresent } from './files.ts';

/** What stands before the first line. */
export const FIRST_HASH = '0'.repeat(64);
/** The field by which a segment's first line is known. */
export const SEGMENT_START = 'segmentStart';

export interface SegmentStart {
  chain: string;
  segment: number;
  /** The hash of the line before this one, in the segment before. */
  previous: string;
  /** The oldest segment that is kept from now on. */
  oldest: number;
  /** The segment before ends in a line that a crash or a full disk cut short. */
  isAfterTornLine: boolean;
  /** Records that could not be written just before this. */
  recordsLost: number;
}

export interface ChainLine {
  sequence: number;
  hash: string;
  /** The line without its hash: what the hash is over. */
  text: string;
  record: Record<string, unknown>;
}

const SUFFIX = '.jsonl';
const LINE = /^(\{"sequence":(\d{1,15}),.*),"hash":"([0-9a-f]{64})"\}$/;

export function segmentPath(directory: string, name: string, segment: number): string {
  return join(directory, `${name}-${String(segment).padStart(6, '0')}${SUFFIX}`);
}

export function headPath(directory: string, name: string): string {
  return join(directory, `${name}.head.json`);
}

/** Numbers of the segments, oldest first. */
export async function listSegments(directory: string, name: string): Promise<number[]> {
  return (await listIfPresent(directory))
    .filter((each) => each.startsWith(`${name}-`) && each.endsWith(SUFFIX))
    .map((each) => Number(each.slice(name.length + 1, -SUFFIX.length)))
    .filter((segment) => Number.isSafeInteger(segment) && segment > 0)
    .sort((a, b) => a - b);
}

export function renderLine(
  record: { sequence: number },
  previous: string,
): { line: string; hash: string } {
  const text = JSON.stringify(record);
  const hash = hashLine(previous, text);
  return { line: `${text.slice(0, -1)},"hash":"${hash}"}\n`, hash };
}

export function hashLine(previous: string, text: string): string {
  return createHash('sha256').update(`${previous}\n${text}`).digest('hex');
}

/** Undefined for a line that is cut short or is not one of ours. */
export function parseLine(line: string): ChainLine | undefined {
  const match = LINE.exec(line);
  if (match === null) return undefined;
  const text = `${match[1]}}`;
  try {
    const record = JSON.parse(text) as Record<string, unknown>;
    return { sequence: Number(match[2]), hash: match[3]!, text, record };
  } catch {
    return undefined;
  }
}

/** The last line of a segment that is whole, and where it ends; lines after it were cut short. */
export function findLastLine(
  bytes: Buffer,
): { sequence: number; hash: string; endsAt: number } | undefined {
  for (let end = bytes.lastIndexOf(0x0a); end >= 0; ) {
    const start = end === 0 ? 0 : bytes.lastIndexOf(0x0a, end - 1) + 1;
    const line = parseLine(bytes.toString('utf8', start, end));
    if (line !== undefined && isBound(bytes, line, start)) {
      return { sequence: line.sequence, hash: line.hash, endsAt: end + 1 };
    }
    end = start - 1;
  }
  return undefined;
}

/** The line's hash follows from the line before it, or from what its segment says stood there. */
function isBound(bytes: Buffer, line: ChainLine, start: number): boolean {
  if (start === 0) {
    const begun = line.record[SEGMENT_START] as SegmentStart | undefined;
    return begun !== undefined && hashLine(begun.previous, line.text) === line.hash;
  }
  const before = start === 1 ? 0 : bytes.lastIndexOf(0x0a, start - 2) + 1;
  const previous = parseLine(bytes.toString('utf8', before, start - 1));
  return previous !== undefined && hashLine(previous.hash, line.text) === line.hash;
}
