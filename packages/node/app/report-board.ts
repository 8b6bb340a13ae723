// Owns the newest observation of each instance and who is told when one changes.

import type { InstanceId } from '@ironbark/core/ids.ts';
import type { InstanceObservation } from '@ironbark/protocol/internal/instance-messages.ts';

interface Entry {
  observation: InstanceObservation;
  /** Nothing is left to do for the instance's intent. */
  isSettled: boolean;
}

export class ReportBoard {
  readonly #entries = new Map<InstanceId, Entry>();
  readonly #listeners = new Set<() => void>();
  #isFrozen = false;

  publish(observation: InstanceObservation, isSettled: boolean): void {
    if (this.#isFrozen) return;
    const before = this.#entries.get(observation.id);
    this.#entries.set(observation.id, { observation, isSettled });
    const isSame = JSON.stringify(before?.observation) === JSON.stringify(observation);
    if (!isSame) this.notify();
  }

  /** From now on the board shows what it shows: a node that goes down is not a user who stops instances. */
  freeze(): void {
    this.#isFrozen = true;
  }

  list(): InstanceObservation[] {
    return [...this.#entries.values()].map(({ observation }) => observation);
  }

  isEnded(id: InstanceId): boolean {
    const entry = this.#entries.get(id);
    return entry?.isSettled === true && entry.observation.power === 'terminated';
  }

  isSettled(id: InstanceId): boolean {
    return this.#entries.get(id)?.isSettled === true;
  }

  /** Drops those that the node no longer knows. */
  keepOnly(known: ReadonlySet<InstanceId>): InstanceId[] {
    const dropped = [...this.#entries.keys()].filter((id) => !known.has(id));
    for (const id of dropped) this.#entries.delete(id);
    return dropped;
  }

  notify(): void {
    for (const listener of this.#listeners) listener();
  }

  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
}
