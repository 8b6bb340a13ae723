// Owns which rules on what comes from other nodes the host has, so that a port that comes or goes changes an element.

import type { NetworkPlace } from './network-place.ts';
import { RuleBook, type RuleSet } from './nftables.ts';
import type { Overlay } from './overlay-plan.ts';
import {
  planUnderlayRules,
  renderUnderlayChange,
  renderUnderlayTable,
  repairUnderlayPart,
  type UnderlayRules,
} from './underlay-rules.ts';

const ID = 'underlay';

export class UnderlayBook {
  readonly #table: string;
  readonly #rules: RuleBook;
  #written: UnderlayRules = planUnderlayRules([]);
  /** In parts, since all of it was written. */
  #isChanged = false;

  constructor(table: string, { commands, directory }: NetworkPlace) {
    this.#table = table;
    this.#rules = new RuleBook(commands, directory);
  }

  /** With a look at the kernel. */
  async ensure(overlays: readonly Overlay[]): Promise<void> {
    if (this.#isChanged) this.#rules.assume(this.#set());
    this.#isChanged = false;
    this.#written = planUnderlayRules(overlays);
    await this.#orForget(() => this.#rules.ensure([this.#set()]));
  }

  /** Only what has changed since. */
  async put(overlays: readonly Overlay[]): Promise<void> {
    const before = this.#written;
    this.#written = planUnderlayRules(overlays);
    const change = renderUnderlayChange(this.#table, before, this.#written);
    await this.#orForget(async () => {
      if (change === undefined) await this.#rules.put(this.#set());
      else if (change.text !== '') {
        await this.#rules.change(`ip ${this.#table}`, change.text, change.parts);
        this.#isChanged = true;
      }
    });
  }

  /** Nobody knows what the kernel has after a failure: the next time all of it is written. */
  async #orForget(work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      this.#rules.distrust(ID);
      this.#isChanged = false;
      this.#written = planUnderlayRules([]);
      throw error;
    }
  }

  #set(): RuleSet {
    const rules = this.#written;
    const text = renderUnderlayTable(this.#table, rules);
    const repair = (part: string, listed: string | undefined) =>
      repairUnderlayPart(rules, part, listed);
    return { id: ID, table: `ip ${this.#table}`, text, repair };
  }
}
