// Owns the node's memory: which guests have been promised how much, so that it is never promised twice.

import { ServiceError } from '@ironbark/core/errors.ts';
import type { InstanceId } from '@ironbark/core/ids.ts';

export class MemoryLedger {
  readonly #totalMib: number;
  readonly #claims = new Map<InstanceId, number>();

  constructor(totalMib: number) {
    this.#totalMib = totalMib;
  }

  /** For a guest that runs already, whatever it takes. */
  note(id: InstanceId, memoryMib: number): void {
    this.#claims.set(id, memoryMib);
  }

  /** For a guest that is about to start. */
  claim(id: InstanceId, memoryMib: number): void {
    const others = [...this.#claims].filter(([other]) => other !== id);
    const usedMib = others.reduce((sum, [, mib]) => sum + mib, 0);
    const freeMib = this.#totalMib - usedMib;
    if (memoryMib > freeMib) {
      throw new ServiceError({
        kind: 'insufficient-capacity',
        resource: 'host',
        message: `The node has ${Math.max(0, freeMib)} MiB of memory left for instances; this one needs ${memoryMib} MiB.`,
      });
    }
    this.#claims.set(id, memoryMib);
  }

  release(id: InstanceId): void {
    this.#claims.delete(id);
  }
}
