// Owns the order of what is to happen: by virtual time, and at the same time in an order that chance decided.

export interface ScheduledEvent {
  atMs: number;
  /** Decided by the seed when the event was planned, so that no order is taken for granted. */
  tie: number;
  sequence: number;
  label: string;
  run: () => void;
  isCancelled: boolean;
}

/** A binary heap; cancelled events stay in it until their time comes. */
export class EventQueue {
  readonly #heap: ScheduledEvent[] = [];

  push(event: ScheduledEvent): void {
    this.#heap.push(event);
    let at = this.#heap.length - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!this.#isBefore(at, parent)) return;
      this.#swap(at, parent);
      at = parent;
    }
  }

  /** The next event that was not cancelled. */
  pop(): ScheduledEvent | undefined {
    for (;;) {
      const event = this.#take();
      if (event === undefined || !event.isCancelled) return event;
    }
  }

  #take(): ScheduledEvent | undefined {
    const first = this.#heap[0];
    const last = this.#heap.pop();
    if (first === undefined || last === undefined || this.#heap.length === 0) return first;
    this.#heap[0] = last;
    this.#sink();
    return first;
  }

  #sink(): void {
    let at = 0;
    for (;;) {
      const left = 2 * at + 1;
      const right = left + 1;
      let least = at;
      if (left < this.#heap.length && this.#isBefore(left, least)) least = left;
      if (right < this.#heap.length && this.#isBefore(right, least)) least = right;
      if (least === at) return;
      this.#swap(at, least);
      at = least;
    }
  }

  #isBefore(one: number, other: number): boolean {
    const a = this.#heap[one]!;
    const b = this.#heap[other]!;
    if (a.atMs !== b.atMs) return a.atMs < b.atMs;
    return a.tie === b.tie ? a.sequence < b.sequence : a.tie < b.tie;
  }

  #swap(one: number, other: number): void {
    const kept = this.#heap[one]!;
    this.#heap[one] = this.#heap[other]!;
    this.#heap[other] = kept;
  }
}
