// Owns which rules of security groups a place has in the kernel, so that a change of them is no more than a change.

import type { Family } from './group-match.ts';
import {
  noGroupRules,
  renderGroupChange,
  renderGroupTable,
  repairGroupPart,
} from './group-rule-text.ts';
import { type GroupRules, type GroupScope, planGroupRules } from './group-rules.ts';
import type { RuleBook, RuleSet } from './nftables.ts';

export class GroupBook {
  readonly #table: string;
  readonly #family: Family;
  readonly #rules: RuleBook;
  #written: GroupRules;
  /** In parts, since all of it was written. */
  #isChanged = false;

  constructor(table: string, rules: RuleBook, family: Family = 'ip') {
    this.#table = table;
    this.#family = family;
    this.#written = noGroupRules(family);
    this.#rules = rules;
  }

  /** All of them, for a look at the kernel; from then on they are what changes are counted from. */
  whole(scope: Omit<GroupScope, 'family'>): RuleSet {
    if (this.#isChanged) this.#rules.assume(this.#set());
    this.#isChanged = false;
    this.#written = planGroupRules({ ...scope, family: this.#family });
    return this.#set();
  }

  /** Only what has changed since they were written last. */
  async put(scope: Omit<GroupScope, 'family'>): Promise<void> {
    const before = this.#written;
    this.#written = planGroupRules({ ...scope, family: this.#family });
    const change = renderGroupChange(this.#table, before, this.#written);
    try {
      if (change === undefined) await this.#rules.put(this.#set());
      else if (change.text !== '') {
        await this.#rules.change(this.#place, change.text, change.parts);
        this.#isChanged = true;
      }
    } catch (error) {
      // Somebody has taken away what was to be changed.
      this.forget();
      throw error;
    }
  }

  /** Nobody knows what the kernel has: the next time all of it is written. */
  forget(): void {
    this.#rules.distrust(this.#id);
    this.#isChanged = false;
    this.#written = noGroupRules(this.#family);
  }

  #set(): RuleSet {
    const rules = this.#written;
    const text = renderGroupTable(this.#table, rules);
    const repair = (part: string, listed: string | undefined) =>
      repairGroupPart(this.#table, rules, part, listed);
    return { id: this.#id, table: this.#place, text, repair };
  }

  get #id(): string {
    return this.#family === 'ip' ? 'groups' : 'groups6';
  }

  get #place(): string {
    return `${this.#family} ${this.#table}`;
  }
}
