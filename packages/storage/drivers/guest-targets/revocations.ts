// Owns disks that were taken from guests by force: each is told for a while that its requests fail, and then forgotten.

import { systemClock } from '@ironbark/platform/clock.ts';

/** Linux's AoE driver asks again within 16 seconds. */
const REVOKED_MS = 60_000;

export class Revocations {
  readonly #closed = new AbortController();

  /** `forget` is called after the time, unless all is closed before. */
  add(forget: () => void | Promise<void>): void {
    void systemClock.sleep(REVOKED_MS, this.#closed.signal).then(forget, () => {});
  }

  close(): void {
    this.#closed.abort();
  }
}
