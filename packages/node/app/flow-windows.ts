// Owns what was counted of flows until the cloud has it: so much is kept, and of what is too much it is known that it was.
// In memory: what waits when the node's process ends is lost, and what is counted next is said to be incomplete.

import type { InterfaceId } from '@ironbark/core/ids.ts';
import {
  type FlowReading,
  type FlowWindow,
  MAX_FLOWS_OF_READING,
} from '@ironbark/protocol/internal/flow-messages.ts';

/** About 40 MB: ten minutes of an interface's windows and of 10,000 flows a minute. */
const MAX_KEPT = 100_000;

interface Entry {
  sequence: number;
  window: FlowWindow;
}

export class FlowWindows {
  readonly #max: number;
  #entries: Entry[] = [];
  #size = 0;
  #sequence: number;

  /** `start`: higher than what an earlier process has told, such as the time. */
  constructor(start: number, max = MAX_KEPT) {
    this.#sequence = start;
    this.#max = max;
  }

  add(windows: readonly FlowWindow[]): void {
    for (const window of windows) {
      this.#sequence += 1;
      this.#entries.push({ sequence: this.#sequence, window });
      this.#size += sizeOf(window);
    }
    if (this.#size > this.#max) this.#shrink();
  }

  /** What comes after the cursor; what is not after it goes. */
  read(after: number): FlowReading {
    this.#entries = this.#entries.filter(({ sequence }) => sequence > after);
    this.#size = this.#entries.reduce((all, { window }) => all + sizeOf(window), 0);
    let size = 0;
    const fitting = this.#entries.findIndex(({ window }) => {
      size += sizeOf(window);
      return size > MAX_FLOWS_OF_READING;
    });
    const told = fitting === -1 ? this.#entries : this.#entries.slice(0, fitting);
    return { cursor: told.at(-1)?.sequence ?? after, windows: told.map(({ window }) => window) };
  }

  /** The oldest windows become one for each interface, that only says what is missing. Half of the room is free then. */
  #shrink(): void {
    const merged = new Map<InterfaceId, Entry>();
    let at = 0;
    for (; at < this.#entries.length && this.#size > this.#max / 2; at += 1) {
      const { sequence, window } = this.#entries[at]!;
      const { startMs = window.startMs } = merged.get(window.interfaceId)?.window ?? {};
      merged.set(window.interfaceId, {
        sequence,
        window: { ...window, startMs, isSkipped: true, flows: [] },
      });
      this.#size -= sizeOf(window);
    }
    const kept = [...merged.values()].sort((one, other) => one.sequence - other.sequence);
    this.#entries = [...kept, ...this.#entries.slice(at)];
    this.#size += kept.length;
  }
}

function sizeOf({ flows }: FlowWindow): number {
  return 1 + flows.length;
}
