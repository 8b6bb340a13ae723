// Owns what a writer has promised, kept outside the disk: for each key the values that may be found after a power
// cut. That is the value acknowledged last, and besides it what was under way.

/** Whatever identifies the bytes of a key; null when there are none. */
export type Value = string | null;

/** A writer says `begin` before it touches anything, and `done` once the store has acknowledged. */
export type WriterLine =
  /** All that is in the store after it was opened, and whatever is wrong with it besides. */
  | { say: 'found'; store: string; values: Record<string, Value>; faults: readonly string[] }
  | { say: 'begin'; store: string; operation: number; values: Record<string, Value> }
  | { say: 'done'; store: string; operation: number }
  /** It has done its script, and has passed so many crash points since it was started. */
  | { say: 'ended'; points: number };

const UNKNOWN: ReadonlySet<Value> = new Set([null]);

export class Promises {
  /** Operations that were acknowledged. */
  acknowledged = 0;
  /** A sentence for each key that was not found as promised, and for each fault of a store. */
  readonly broken: string[] = [];
  readonly #allowed = new Map<string, Set<Value>>();
  readonly #underWay = new Map<number, Record<string, Value>>();
  readonly #onBroken: (sentence: string) => void;

  constructor(onBroken: (sentence: string) => void = () => {}) {
    this.#onBroken = onBroken;
  }

  take(line: Exclude<WriterLine, { say: 'ended' }>): void {
    if (line.say === 'begin') this.#begin(line.operation, line.values);
    else if (line.say === 'done') this.#done(line.operation);
    else {
      this.#judge(line.values);
      for (const fault of line.faults) this.break(fault);
    }
  }

  break(sentence: string): void {
    this.broken.push(sentence);
    this.#onBroken(sentence);
  }

  #begin(operation: number, values: Record<string, Value>): void {
    this.#underWay.set(operation, values);
    for (const [key, value] of Object.entries(values)) {
      const allowed = this.#allowed.get(key) ?? new Set(UNKNOWN);
      this.#allowed.set(key, allowed.add(value));
    }
  }

  #done(operation: number): void {
    const values = this.#underWay.get(operation);
    if (values === undefined) throw new Error(`operation ${operation} ended before it began`);
    this.acknowledged += 1;
    for (const [key, value] of Object.entries(values)) this.#allowed.set(key, new Set([value]));
    this.#underWay.delete(operation);
  }

  /** From now on what was found is what counts. */
  #judge(found: Readonly<Record<string, Value>>): void {
    for (const key of new Set([...this.#allowed.keys(), ...Object.keys(found)])) {
      const value = found[key] ?? null;
      const allowed = this.#allowed.get(key) ?? UNKNOWN;
      if (!allowed.has(value)) this.break(`${key}: ${value}, not ${[...allowed].join(' or ')}`);
      if (value === null) this.#allowed.delete(key);
      else this.#allowed.set(key, new Set([value]));
    }
    this.#underWay.clear();
  }
}
