// Owns the contract of a suite of faults: harm done by a seed, counted into figures that have to reach their bars.

import type { Figure } from './figures.ts';

export interface SuiteOptions {
  /** How much harm; the suite's own measure when undefined. */
  count: number | undefined;
  /** Every choice follows from it. */
  seed: number;
  /** One part of the suite alone, by its name, to look closer at what broke; all of them when undefined. */
  only: string | undefined;
  /** Guests that live through it; the suite's own measure when undefined. */
  guests: number | undefined;
  /** Nodes of a simulated cloud; the suite's own measure when undefined. */
  nodes: number | undefined;
  /** Of Walrus, that share a state; the suite's own measure when undefined. */
  gateways?: number | undefined;
  /** How long, for a suite that goes by the clock; its own measure when undefined. */
  minutes: number | undefined;
  /** What runs them, where a suite can do it with either. */
  hypervisor: 'qemu' | 'simulated';
  /** Progress and what broke, for people; `--json` hides it. */
  explain: (line: string) => void;
}

/** Throws when it cannot run on this host: that is no figure. */
export type FaultSuite = (options: SuiteOptions) => Promise<Figure[]>;
