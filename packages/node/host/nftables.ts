// Owns how rules reach the kernel, and which of them are there: a set of rules is written again when its text has
// changed or one of its chains is gone.

import { join } from 'node:path';
import type { Commands } from '@ironbark/platform/commands.ts';
import { removeFile, replaceFile } from '@ironbark/platform/files.ts';

export interface RuleSet {
  /** Stable name of this set. */
  id: string;
  /** The chains that it makes, as `family table chain`. */
  chains: readonly string[];
  text: string;
}

interface ChainRecord {
  chain?: { family: string; table: string; name: string };
}

export class RuleBook {
  readonly #commands: Commands;
  readonly #directory: string;
  readonly #applied = new Map<string, string>();
  #count = 0;

  constructor(commands: Commands, directory: string) {
    this.#commands = commands;
    this.#directory = directory;
  }

  async ensure(sets: readonly RuleSet[]): Promise<void> {
    const chains = await this.listChains();
    const stale = sets.filter(
      ({ id, text, chains: made }) =>
        this.#applied.get(id) !== text || !made.every((chain) => chains.has(chain)),
    );
    if (stale.length === 0) return;
    await this.apply(stale.map(({ text }) => text).join(''));
    for (const { id, text } of stale) this.#applied.set(id, text);
  }

  async remove(id: string, removal: string): Promise<void> {
    await this.apply(removal);
    this.#applied.delete(id);
  }

  /**
   * Applies a text in one transaction, from a file: `nft -f -` does not work from here, because the standard
   * input of a child is a socket and nft opens it by name.
   */
  async apply(text: string): Promise<void> {
    this.#count += 1;
    const path = join(this.#directory, `rules-${process.pid}-${this.#count}.nft`);
    await replaceFile(path, text);
    try {
      await this.#commands.run('nft', ['-f', path]);
    } finally {
      await removeFile(path);
    }
  }

  /** Every chain of the host as `family table chain`. */
  async listChains(): Promise<Set<string>> {
    const { stdout } = await this.#commands.run('nft', ['-j', 'list', 'chains']);
    const { nftables } = JSON.parse(stdout) as { nftables: ChainRecord[] };
    const found = nftables.flatMap(({ chain }) =>
      chain === undefined ? [] : [`${chain.family} ${chain.table} ${chain.name}`],
    );
    return new Set(found);
  }
}
