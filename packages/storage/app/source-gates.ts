// Owns which volumes are being closed while bytes of their snapshots are still to come: what their storage daemons read of
// these then fails at once, and nobody waits for the object store to end them.

export class SourceGates {
  readonly #waiting = new Map<string, Set<(error: Error) => void>>();
  readonly #closed = new Set<string>();
  #areAllClosed = false;

  /** `name` is that of the volume's source; null: it has none, or has it no more. */
  async whileClosed<T>(name: string | null, work: () => Promise<T>): Promise<T> {
    if (name === null) return await work();
    this.#closed.add(name);
    this.#fail(name);
    try {
      return await work();
    } finally {
      this.#closed.delete(name);
    }
  }

  /** For good: the service goes down. */
  closeAll(): void {
    this.#areAllClosed = true;
    for (const name of [...this.#waiting.keys()]) this.#fail(name);
  }

  /** As the work ends, unless its volume is closed before that. */
  async through<T>(name: string, work: () => Promise<T>): Promise<T> {
    if (this.#areAllClosed || this.#closed.has(name)) throw closed();
    const waiting = this.#waiting.get(name) ?? new Set();
    this.#waiting.set(name, waiting);
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    waiting.add(reject);
    work().then(resolve, reject);
    try {
      return await promise;
    } finally {
      waiting.delete(reject);
      if (waiting.size === 0) this.#waiting.delete(name);
    }
  }

  #fail(name: string): void {
    for (const reject of this.#waiting.get(name) ?? []) reject(closed());
  }
}

function closed(): Error {
  return new Error('the volume is being closed');
}
