// Owns the counts of what Walrus did since its start: requests by operation and outcome, how long they took, bytes.

export interface OperationCounts {
  operation: string;
  /** By the first digit of the status: `2xx`. */
  outcomes: Record<string, number>;
  /** Requests that took no longer than each bound; the last place has all of them. */
  within: number[];
  seconds: number;
}

export interface ObjectsCounts {
  boundsSeconds: readonly number[];
  operations: OperationCounts[];
  receivedBytes: number;
  sentBytes: number;
  /** Of the scrub. */
  checkedBytes: number;
  damagedBlobs: number;
}

/** From a read of what is in memory to an upload over a slow line. */
const BOUNDS_SECONDS = [0.001, 0.005, 0.025, 0.1, 0.5, 2.5, 10, 60] as const;

export class RequestCounters {
  readonly #operations = new Map<string, OperationCounts>();
  #receivedBytes = 0;
  #sentBytes = 0;
  #checkedBytes = 0;
  #damagedBlobs = 0;

  /** `operation` is one of ours, so that there are only so many. */
  count(operation: string, status: number, seconds: number): void {
    const counts = this.#operations.get(operation) ?? {
      ...{ operation, outcomes: {}, seconds: 0 },
      within: Array.from({ length: BOUNDS_SECONDS.length + 1 }, () => 0),
    };
    this.#operations.set(operation, counts);
    const outcome = `${Math.floor(status / 100)}xx`;
    counts.outcomes[outcome] = (counts.outcomes[outcome] ?? 0) + 1;
    counts.seconds += seconds;
    for (const [at, bound] of [...BOUNDS_SECONDS, Number.POSITIVE_INFINITY].entries()) {
      if (seconds <= bound) counts.within[at]! += 1;
    }
  }

  countBytes({ received, sent }: { received: number; sent: number }): void {
    this.#receivedBytes += received;
    this.#sentBytes += sent;
  }

  countChecked(bytes: number): void {
    this.#checkedBytes += bytes;
  }

  countDamaged(): void {
    this.#damagedBlobs += 1;
  }

  read(): ObjectsCounts {
    return {
      boundsSeconds: BOUNDS_SECONDS,
      operations: [...this.#operations.values()],
      receivedBytes: this.#receivedBytes,
      sentBytes: this.#sentBytes,
      checkedBytes: this.#checkedBytes,
      damagedBlobs: this.#damagedBlobs,
    };
  }
}
