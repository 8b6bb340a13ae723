// Owns reading a chain of records back, and the proof that nothing in it was changed or taken out.

import { readFileIfPresent } from './files.ts';
import {
  type ChainLine,
  FIRST_HASH,
  hashLine,
  headPath,
  listSegments,
  parseLine,
  SEGMENT_START,
  type SegmentStart,
  segmentPath,
} from './record-lines.ts';

export interface ChainReport {
  chain: string;
  /** Records that were read; segments' own lines are not counted. */
  records: number;
  /** The newest line: who keeps these two elsewhere can tell later that nothing before it was rewritten. */
  head: { sequence: number; hash: string };
  /** What is wrong, one sentence each; the chain is whole when there are none. */
  faults: string[];
  /** What a person should know and nobody did on purpose. */
  notes: string[];
}

/** Faults that are listed; a broken chain may have one for each line. */
const MAX_FAULTS = 100;

/** Reads all records, oldest first, and checks the chain on the way. */
export async function readChain(
  directory: string,
  name: string,
  onRecord: (record: Record<string, unknown>) => void,
): Promise<ChainReport> {
  // Before the lines: a head that is written meanwhile may be ahead of what is read here.
  const walk = new Walk(name, await readHead(directory, name), onRecord);
  for (const segment of await listSegments(directory, name)) {
    // One at a time is in memory; a segment has a few MiB.
    const bytes = await readFileIfPresent(segmentPath(directory, name, segment));
    if (bytes === undefined) continue;
    walk.begin(segment);
    for (const line of linesOf(bytes)) walk.take(line);
  }
  walk.end();
  return walk.report;
}

/** By newlines alone: other separators of lines may stand inside a record. */
function* linesOf(bytes: Buffer): Generator<string> {
  for (let start = 0; start < bytes.length; ) {
    const newline = bytes.indexOf(0x0a, start);
    const end = newline < 0 ? bytes.length : newline;
    // What has no newline is not whole, whatever it looks like.
    yield newline < 0 ? '' : bytes.toString('utf8', start, end);
    start = end + 1;
  }
}

interface Head {
  sequence: number;
  hash: string;
}

async function readHead(directory: string, name: string): Promise<Head | undefined> {
  const bytes = await readFileIfPresent(headPath(directory, name));
  if (bytes === undefined) return undefined;
  try {
    return JSON.parse(bytes.toString('utf8')) as Head;
  } catch {
    return { sequence: Number.MAX_SAFE_INTEGER, hash: '' };
  }
}

class Walk {
  readonly report: ChainReport;
  readonly #onRecord: (record: Record<string, unknown>) => void;
  #segment = 0;
  #firstSegment = 0;
  #oldest = 1;
  #line = 0;
  /** Unreadable lines at the end of the segment so far: a crash leaves some, which the next segment admits. */
  #unreadable: string[] = [];
  /** How far the chain is known to reach. */
  readonly #known: Head | undefined;

  constructor(
    chain: string,
    known: Head | undefined,
    onRecord: (record: Record<string, unknown>) => void,
  ) {
    const head = { sequence: 0, hash: FIRST_HASH };
    this.report = { chain, records: 0, head, faults: [], notes: [] };
    this.#known = known;
    this.#onRecord = onRecord;
  }

  begin(segment: number): void {
    if (this.#firstSegment === 0) this.#firstSegment = segment;
    else if (segment !== this.#segment + 1)
      this.#fault(`the files between ${this.#segment} and ${segment} are missing`);
    this.#segment = segment;
    this.#line = 0;
  }

  take(text: string): void {
    this.#line += 1;
    const line = parseLine(text);
    if (line === undefined) {
      this.#unreadable.push(`${this.#place()} cannot be read`);
      return;
    }
    const start = line.record[SEGMENT_START] as SegmentStart | undefined;
    if (start !== undefined) this.#takeStart(line, start);
    else {
      this.#blameUnreadable();
      this.#check(line);
      this.report.records += 1;
      this.#onRecord(line.record);
    }
    this.report.head = { sequence: line.sequence, hash: line.hash };
    if (line.sequence === this.#known?.sequence && line.hash !== this.#known.hash) {
      this.#fault(`record ${line.sequence} is not the one that was there once`);
    }
  }

  #takeStart(line: ChainLine, start: SegmentStart): void {
    const isFirst = this.report.head.sequence === 0;
    if (start.isAfterTornLine) this.#unreadable = [];
    this.#blameUnreadable();
    if (start.segment !== this.#segment || this.#line !== 1) {
      this.#fault(`${this.#place()} begins file ${start.segment}, which is elsewhere`);
    }
    if (isFirst && start.segment > 1) {
      // The files before it were let go for their age; the chain is checked from here on.
      this.report.head = { sequence: line.sequence - 1, hash: start.previous };
    }
    this.#oldest = start.oldest;
    if (start.recordsLost > 0) {
      this.report.notes.push(
        `${start.recordsLost} records before number ${line.sequence} could not be written`,
      );
    }
    this.#check(line);
  }

  #check(line: ChainLine): void {
    const { sequence, hash } = this.report.head;
    if (line.sequence > sequence + 1) {
      const last = line.sequence - 1;
      this.#fault(`records ${sequence + 1} to ${last} are missing before ${this.#place()}`);
    } else if (line.sequence <= sequence) {
      this.#fault(`${this.#place()} has number ${line.sequence}, which was there before`);
    } else if (hashLine(hash, line.text) !== line.hash) {
      this.#fault(`${this.#place()} (record ${line.sequence}) or the line before it was changed`);
    }
  }

  end(): void {
    const last = this.report.head.sequence;
    if (this.#unreadable.length > 0) {
      this.report.notes.push('the last line is cut short, as a crash or a power cut leaves it');
    }
    if (this.#firstSegment > this.#oldest) {
      this.#fault(`the files ${this.#oldest} to ${this.#firstSegment - 1} are missing`);
    }
    if (this.#known === undefined && last > 0) {
      this.report.notes.push('nothing says how far the chain should reach');
    }
    if (this.#known !== undefined && this.#known.sequence > last) {
      this.#fault(
        `the chain ends with record ${last}, but it reached ${this.#known.sequence} once`,
      );
    }
  }

  #blameUnreadable(): void {
    for (const fault of this.#unreadable) this.#fault(fault);
    this.#unreadable = [];
  }

  #fault(text: string): void {
    if (this.report.faults.length < MAX_FAULTS) this.report.faults.push(text);
  }

  #place(): string {
    return `line ${this.#line} of file ${this.#segment}`;
  }
}
