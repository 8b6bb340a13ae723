// Owns which rules of security groups a place has in the kernel, so that a change of them is no more than a change.

import {
  NO_GROUP_RULES,
  renderGroupChange,
  renderGroupTable,
  repairGroupPart,
} from './group-rule-text.ts';
import { type GroupRules, type GroupScope, planGroupRules } from './group-rules.ts';
import type { RuleBook, RuleSet } from './nftables.ts';

const ID = 'groups';

export class GroupBook {
  readonly #table: string;
  readonly #rules: RuleBook;
  #written: GroupRules = NO_GROUP_RULES;
  /** In parts, since all of it was written. */
  #isChanged = false;

  constructor(table: string, rules: RuleBook) {
    this.#table = table;
    this.#rules = rules;
  }

  /** All of them, for a look at the kernel; from then on they are what changes are counted from. */
  whole(scope: GroupScope): RuleSet {
    if (this.#isChanged) this.#rules.assume(this.#set());
    this.#isChanged = false;
    this.#written = planGroupRules(scope);
    return this.#set();
  }

  /** Only what has changed since they were written last. */
  async put(scope: GroupScope): Promise<void> {
    const before = this.#written;
    this.#written = planGroupRules(scope);
    const change = renderGroupChange(this.#table, before, this.#written);
    try {
      if (change === undefined) await this.#rules.put(this.#set());
      else if (change.text !== '') {
        await this.#rules.change(`ip ${this.#table}`, change.text, change.parts);
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
    this.#rules.distrust(ID);
    this.#isChanged = false;
    this.#written = NO_GROUP_RULES;
  }

  #set(): RuleSet {
    const rules = this.#written;
    const text = renderGroupTable(this.#table, rules);
    const repair = (part: string, listed: string | undefined) =>
      repairGroupPart(this.#table, rules, part, listed);
    return { id: ID, table: `ip ${this.#table}`, text, repair };
  }
}
