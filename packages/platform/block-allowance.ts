// Owns how many blocks the streams of one kind have between them. Each may always have one, so that none waits for
// another; those that make it fast are limited over all of them.

export class BlockAllowance {
  readonly #mostExtra: number;
  #extra = 0;
  /** Each has a block already; first come, first served. */
  readonly #waiting = new Map<BlockShare, () => void>();

  /** `mostExtra`: beside the first block of each stream. */
  constructor(mostExtra: number) {
    this.#mostExtra = mostExtra;
  }

  newShare(): BlockShare {
    return new BlockShare(this);
  }

  tryAddExtra(): boolean {
    if (this.#extra >= this.#mostExtra) return false;
    this.#extra += 1;
    return true;
  }

  removeExtra(): void {
    const [next] = this.#waiting.keys();
    if (next === undefined) this.#extra -= 1;
    else this.wake(next);
  }

  wait(share: BlockShare): Promise<void> {
    if (this.#waiting.has(share)) throw new Error('a stream waits for one block at a time');
    return new Promise((resolve) => this.#waiting.set(share, resolve));
  }

  /** Gives a block to one that may wait; false where it does not. */
  wake(share: BlockShare): boolean {
    const resolve = this.#waiting.get(share);
    if (resolve === undefined) return false;
    this.#waiting.delete(share);
    share.held += 1;
    resolve();
    return true;
  }
}

/** Of one stream. */
export class BlockShare {
  readonly #allowance: BlockAllowance;
  held = 0;

  constructor(allowance: BlockAllowance) {
    this.#allowance = allowance;
  }

  /** Whether there may be one more, at once. */
  tryAdd(): boolean {
    if (this.held > 0 && !this.#allowance.tryAddExtra()) return false;
    this.held += 1;
    return true;
  }

  /** Resolves with one more: at the latest when all that the stream had were given back. */
  async add(): Promise<void> {
    if (!this.tryAdd()) await this.#allowance.wait(this);
  }

  remove(): void {
    this.held -= 1;
    if (this.held > 0) this.#allowance.removeExtra();
    else this.#allowance.wake(this);
  }
}
