// Owns the contract of one fault of the host: it is done, and what became of the cloud is counted.

import type { Figure } from '../../support/figures.ts';
import type { GuestLab } from './guest-lab.ts';

export interface ScenarioContext {
  /** For people. */
  explain: (line: string) => void;
}

/** Throws when it cannot run on this host. */
export type Scenario = (context: ScenarioContext) => Promise<Figure[]>;

/** One that is done to real guests, and leaves them as they were. */
export type GuestScenario = (lab: GuestLab, context: ScenarioContext) => Promise<Figure[]>;
