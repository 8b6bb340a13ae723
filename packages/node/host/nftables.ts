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
  /** The one chain that it is, of a table that it shares; absent: it is the whole table. */
  chain?: string;
  /**
   * What makes one part of the table, such as `chain x`, as it should be, given what the kernel shows of it. Nothing where
   * it is that; undefined where only the whole table can be written again. Absent: always the latter.
   */
  repair?: (part: string, listed: string | undefined) => string | undefined;
}

/** By part of a table, such as `set x`: what the kernel shows of it. */
type Listing = ReadonlyMap<string, string>;

export class RuleBook {
  readonly #commands: Commands;
  readonly #directory: string;
  readonly #applied = new Map<string, string>();
  /** What the kernel showed of each table after it was last looked at, by part, as digests. */
  readonly #shown = new Map<string, Map<string, string>>();
  /** Parts that were written since. */
  readonly #fresh = new Map<string, Set<string>>();
  #count = 0;

  constructor(commands: Commands, directory: string) {
    this.#commands = commands;
    this.#directory = directory;
  }

  /** Looks at the tables, and writes those again that somebody has touched: these sets are all that they hold. */
  async ensure(sets: readonly RuleSet[]): Promise<void> {
    const whole = new Set<string>();
    const repairs: string[] = [];
    const listings = new Map<string, Listing>();
    for (const table of new Set(sets.map((set) => set.table))) {
      const listed = await this.#list(table);
      listings.set(table, listed);
      const own = sets.filter((set) => set.table === table);
      const repair = this.#isTouched(table, listed) ? undefined : this.#repairOf(own, listed);
      if (repair === undefined) whole.add(table);
      else if (repair !== '') repairs.push(repair);
    }
    const stale = sets.filter((set) => whole.has(set.table) || this.#isStale(set));
    const removals = [...whole].map((table) => `add table ${table}\ndelete table ${table}\n`);
    const text = [...removals, ...repairs, ...stale.map((set) => set.text)].join('');
    if (text !== '') await this.apply(text);
    for (const { id, text: applied } of stale) this.#applied.set(id, applied);
    for (const [table, listed] of listings) {
      this.#remember(table, text === '' ? listed : await this.#list(table));
    }
  }

  /** Somebody else has changed what was not written since the last look. */
  #isTouched(table: string, listed: Listing): boolean {
    const known = this.#shown.get(table);
    if (known === undefined) return true;
    const fresh = this.#fresh.get(table) ?? new Set();
    const parts = [...new Set([...known.keys(), ...listed.keys()])];
    return parts.some((part) => {
      const now = listed.get(part);
      return !fresh.has(part) && known.get(part) !== (now === undefined ? now : digestOf(now));
    });
  }

  /** Of what was written since the last look; undefined: all has to be written again. */
  #repairOf(own: readonly RuleSet[], listed: Listing): string | undefined {
    const table = own[0]!.table;
    const byChain = new Map(own.map((set) => [`chain ${set.chain}`, set]));
    const rest = own.find(({ chain }) => chain === undefined);
    let text = '';
    for (const part of this.#fresh.get(table) ?? []) {
      const shown = listed.get(part);
      const repair = byChain.get(part)?.text ?? rest?.repair?.(part, shown);
      // A part of nobody's is gone, or should be.
      if (repair === undefined && (shown !== undefined || rest !== undefined)) return undefined;
      text += repair ?? '';
    }
    return text;
  }

  #remember(table: string, listed: Listing): void {
    const digests = [...listed].map(([part, text]) => [part, digestOf(text)] as const);
    this.#shown.set(table, new Map(digests));
    this.#fresh.delete(table);
  }

  /** Writes one set where it differs from what was written last, without a look at the kernel. */
  async put(set: RuleSet): Promise<void> {
    if (!this.#isStale(set)) return;
    await this.apply(set.text);
    this.#applied.set(set.id, set.text);
    this.#doubt(set);
  }

  /** Changes parts of a table that one set has to itself; how the whole reads by then, `assume` says. */
  async change(table: string, text: string, parts: readonly string[]): Promise<void> {
    await this.apply(text);
    this.#doubtParts(table, parts);
  }

  /** The set was changed in parts, and is this by now. */
  assume({ id, text }: RuleSet): void {
    this.#applied.set(id, text);
  }

  #doubt({ table, chain }: Omit<RuleSet, 'text'>): void {
    if (chain === undefined) this.#shown.delete(table);
    else this.#doubtParts(table, [`chain ${chain}`]);
  }

  #doubtParts(table: string, parts: readonly string[]): void {
    const fresh = this.#fresh.get(table) ?? new Set();
    for (const part of parts) fresh.add(part);
    this.#fresh.set(table, fresh);
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
    this.#doubt(set);
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

  async #list(table: string): Promise<Listing> {
    const args = ['-s', 'list', 'table', ...table.split(' ')];
    const { stdout } = await this.#commands.run('nft', args, { allowExitCodes: [0, NO_TABLE] });
    return partsOf(stdout);
  }
}

/** nft's exit code when what it should list is not there. */
const NO_TABLE = 1;

/** What lies in a table, as nft lists it, each with the line that names it: `chain x`, `map y`. */
function partsOf(listing: string): Listing {
  const found = listing.matchAll(/^\t((?:chain|set|map) \S+) \{\n(.*?)^\t\}$/gms);
  return new Map([...found].map(([, part, text]) => [part!, text!]));
}

/** The order of a set's elements is the kernel's affair. */
function digestOf(text: string): string {
  const words = text.split(/[\s,]+/).sort();
  return createHash('sha256').update(words.join(' ')).digest('hex');
}
