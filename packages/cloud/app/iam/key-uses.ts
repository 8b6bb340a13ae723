// Owns when each access key was last used: kept in memory and written now and then, so that no request waits for it.

import { putKeyUse } from '../../store/key-uses.ts';
import type { Queries } from '../../store/store.ts';

export interface KeyUse {
  service: string;
  region: string;
  atMs: number;
}

/** More keys than this between two writings are not remembered. */
const MAX_KEYS = 10_000;

export class KeyUses {
  readonly #uses = new Map<string, KeyUse>();

  note(accessKeyId: string, use: KeyUse): void {
    if (this.#uses.size < MAX_KEYS || this.#uses.has(accessKeyId)) {
      this.#uses.set(accessKeyId, use);
    }
  }

  /** What is not written yet. */
  find(accessKeyId: string): KeyUse | undefined {
    return this.#uses.get(accessKeyId);
  }

  async write(tx: Queries): Promise<void> {
    const uses = [...this.#uses];
    for (const [id, use] of uses) await putKeyUse(tx, { keyId: id, ...use });
    for (const [id, use] of uses) if (this.#uses.get(id) === use) this.#uses.delete(id);
  }
}
