// Owns the lines of access logs that wait to be delivered: how many may, and when there are so many that nobody waits.

import { MIB } from '@ironbark/core/units.ts';

export interface LogLine {
  timeMs: number;
  text: string;
}

/** Of one bucket; then they are delivered without waiting any longer. */
const MANY_BYTES = 256 * 1_024;
/** Of all buckets. More than this waits only while nothing can be delivered. */
const MAX_WAITING_BYTES = 16 * MIB;
/** Of one bucket, so that those whose target always fails leave room for the others. */
const MAX_BUCKET_BYTES = 2 * MIB;

interface WaitingLines {
  lines: LogLine[];
  bytes: number;
}

/** What waits to be delivered. */
export class AccessLogs {
  readonly #waiting = new Map<string, WaitingLines>();
  readonly #onMany: (bucketId: string) => void;
  #bytes = 0;
  #dropped = 0;

  /** `onMany`: one bucket has a lot of lines. */
  constructor(onMany: (bucketId: string) => void) {
    this.#onMany = onMany;
  }

  add(bucketId: string, line: LogLine): void {
    const waiting = this.#open(bucketId);
    const before = waiting.bytes;
    if (!this.#count(waiting, line)) return;
    waiting.lines.push(line);
    if (before < MANY_BYTES && waiting.bytes >= MANY_BYTES) this.#onMany(bucketId);
  }

  /** What could not be delivered, before what came since. Nobody is told of many: who failed waits before the next try. */
  putBack(bucketId: string, lines: readonly LogLine[]): void {
    const waiting = this.#open(bucketId);
    waiting.lines = [...lines.filter((line) => this.#count(waiting, line)), ...waiting.lines];
  }

  #open(bucketId: string): WaitingLines {
    const waiting = this.#waiting.get(bucketId) ?? { lines: [], bytes: 0 };
    this.#waiting.set(bucketId, waiting);
    return waiting;
  }

  /** False where there is no room for it. */
  #count(waiting: WaitingLines, { text }: LogLine): boolean {
    const bytes = text.length + 1;
    const hasRoom =
      waiting.bytes + bytes <= MAX_BUCKET_BYTES && this.#bytes + bytes <= MAX_WAITING_BYTES;
    if (!hasRoom) {
      this.#dropped += 1;
      return false;
    }
    waiting.bytes += bytes;
    this.#bytes += bytes;
    return true;
  }

  listBuckets(): string[] {
    return [...this.#waiting.keys()];
  }

  take(bucketId: string): LogLine[] {
    const waiting = this.#waiting.get(bucketId);
    this.#waiting.delete(bucketId);
    this.#bytes -= waiting?.bytes ?? 0;
    return waiting?.lines ?? [];
  }

  /** Since the last time that somebody asked. */
  takeDropped(): number {
    const dropped = this.#dropped;
    this.#dropped = 0;
    return dropped;
  }
}
