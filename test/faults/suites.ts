// Owns the list of the suites that `npm run faults -- NAME` runs; each is loaded only when it is asked for.

import type { FaultSuite } from '../support/fault-suite.ts';

export const SUITES: Readonly<Record<string, () => Promise<FaultSuite>>> = {
  'daemon-kill': async () => (await import('./daemon-kill/suite.ts')).daemonKillSuite,
  isolation: async () => (await import('./isolation/suite.ts')).isolationSuite,
  'power-cut': async () => (await import('./power-cut/suite.ts')).powerCutSuite,
};
