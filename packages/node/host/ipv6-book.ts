// Owns which IPv6 rules a place has in the kernel. A place whose subnets have none is left alone: it has no such tables.

import { GroupBook } from './group-book.ts';
import type { GroupScope } from './group-rules.ts';
import { ipv6RuleSet } from './ipv6-rules.ts';
import type { NetworkNames } from './network-names.ts';
import type { RuleBook, RuleSet } from './nftables.ts';
import type { SubnetRules } from './subnet-facts.ts';

export class Ipv6Book {
  readonly #table: string;
  readonly #rules: RuleBook;
  readonly #groups: GroupBook;

  constructor({ table, groupTable }: NetworkNames, rules: RuleBook) {
    this.#table = table;
    this.#rules = rules;
    this.#groups = new GroupBook(groupTable, rules, 'ip6');
  }

  /** All of them, for a look at the kernel. */
  whole(scope: GroupScope, subnets: readonly SubnetRules[]): RuleSet[] {
    const own = this.#own(subnets);
    return own === undefined ? [] : [own, this.#groups.whole(scope)];
  }

  /** What has changed since they were written last. */
  async put(scope: GroupScope, subnets: readonly SubnetRules[]): Promise<void> {
    const own = this.#own(subnets);
    if (own === undefined) return;
    await this.#groups.put(scope);
    await this.#rules.put(own);
  }

  /** Nobody knows what the kernel has. */
  forget(): void {
    this.#groups.forget();
  }

  /** Undefined: there are none, and there were none. */
  #own(subnets: readonly SubnetRules[]): RuleSet | undefined {
    const set = ipv6RuleSet(this.#table, subnets);
    const isNeeded = subnets.some(({ ipv6 }) => ipv6 !== undefined);
    return isNeeded || this.#rules.has(set.id) ? set : undefined;
  }
}
