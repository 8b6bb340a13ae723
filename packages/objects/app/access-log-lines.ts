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
    const bytes = line.text.length + 1;
    if (this.#bytes + bytes > MAX_WAITING_BYTES) {
      this.#dropped += 1;
      return;
    }
    const waiting = this.#waiting.get(bucketId) ?? { lines: [], bytes: 0 };
    this.#waiting.set(bucketId, waiting);
    waiting.lines.push(line);
    this.#bytes += bytes;
    const before = waiting.bytes;
    waiting.bytes += bytes;
    if (before < MANY_BYTES && waiting.bytes >= MANY_BYTES) this.#onMany(bucketId);
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
