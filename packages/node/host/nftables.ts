// Owns how rules reach the kernel, and which of them are there: a set of rules is written again when its text has
// changed, and a whole table when the kernel shows it otherwise than it did after it was written.

import { createHash } from 'node:crypto';
import { join } from 'node:path';
import type { Commands } from '@ironbark/platform/commands.ts';
import { removeFile, replaceFile } from '@ironbark/platform/files.ts';

export interface RuleSet {
  /** Stable name of this set. */
  id: string;
  /** Where all of it lies, as `family table`. */
  table: string;
  text: string;
}

export class RuleBook {
  readonly #commands: Commands;
  readonly #directory: string;
  readonly #applied = new Map<string, string>();
  /** What the kernel showed of each table after it was last written whole. */
  readonly #shown = new Map<string, string>();
  #count = 0;

  constructor(commands: Commands, directory: string) {
    this.#commands = commands;
    this.#directory = directory;
  }

  /** Looks at the tables, and writes those again that somebody has touched: these sets are all that they hold. */
  async ensure(sets: readonly RuleSet[]): Promise<void> {
    const tables = [...new Set(sets.map(({ table }) => table))];
    const touched = new Set<string>();
    for (const table of tables) {
      const known = this.#shown.get(table);
      if (known === undefined || known !== (await this.#show(table))) touched.add(table);
    }
    const stale = sets.filter((set) => touched.has(set.table) || this.#isStale(set));
    if (stale.length === 0) return;
    const removals = [...touched].map((table) => `add table ${table}\ndelete table ${table}\n`);
    await this.apply([...removals, ...stale.map(({ text }) => text)].join(''));
    for (const { id, text } of stale) this.#applied.set(id, text);
    for (const table of new Set(stale.map((set) => set.table))) {
      this.#shown.set(table, await this.#show(table));
    }
  }

  /** Writes one set where it differs from what was written last, without a look at the kernel. */
  async put(set: RuleSet, change = set.text): Promise<void> {
    if (!this.#isStale(set)) return;
    if (change !== '') await this.apply(change);
    this.#applied.set(set.id, set.text);
    this.#shown.delete(set.table);
  }

  /** True when the set is not what was written last, or nothing was. */
  #isStale({ id, text }: RuleSet): boolean {
    return this.#applied.get(id) !== text;
  }

  has(id: string): boolean {
    return this.#applied.has(id);
  }

  /** Has the set written again at the next call: Linux 6.4 to 6.15 keep a chain whose interface is gone, unhooked. */
  distrust(id: string): void {
    this.#applied.delete(id);
  }

  async remove(set: Omit<RuleSet, 'text'>, removal: string): Promise<void> {
    await this.apply(removal);
    this.#applied.delete(set.id);
    this.#shown.delete(set.table);
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

  /** The table as the kernel has it, in short; the order of a set's elements is the kernel's affair. */
  async #show(table: string): Promise<string> {
    const { stdout } = await this.#commands.run(
      'nft',
      ['-s', 'list', 'table', ...table.split(' ')],
      {
        allowExitCodes: [0, NO_TABLE],
      },
    );
    const words = stdout.split(/[\s,]+/).sort();
    return createHash('sha256').update(words.join(' ')).digest('hex');
  }
}

/** nft's exit code when what it should list is not there. */
const NO_TABLE = 1;
