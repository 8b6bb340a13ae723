// Owns the list of the suites that `npm run faults -- NAME` runs; each is loaded only when it is asked for.

import type { FaultSuite } from '../support/fault-suite.ts';

export const SUITES: Readonly<Record<string, () => Promise<FaultSuite>>> = {
  'attach-loops': async () => (await import('./churn/attach-loops.ts')).attachLoopsSuite,
  backup: async () => (await import('./backup/suite.ts')).backupSuite,
  'bit-rot': async () => (await import('./bit-rot/suite.ts')).bitRotSuite,
  bounds: async () => (await import('./bounds-suite.ts')).boundsSuite,
  ceph: async () => (await import('./ceph/suite.ts')).cephSuite,
  'crash-points': async () => (await import('./crash-points/suite.ts')).crashPointSuite,
  'daemon-kill': async () => (await import('./daemon-kill/suite.ts')).daemonKillSuite,
  'guest-snapshots': async () => (await import('./guest-snapshots/suite.ts')).guestSnapshotsSuite,
  host: async () => (await import('./host/suite.ts')).hostSuite,
  isolation: async () => (await import('./isolation/suite.ts')).isolationSuite,
  matrix: async () => (await import('./matrix-suite.ts')).matrixSuite,
  network: async () => (await import('./network/suite.ts')).networkSuite,
  'power-cut': async () => (await import('./power-cut/suite.ts')).powerCutSuite,
  's3-consistency': async () => (await import('./s3-consistency/suite.ts')).s3ConsistencySuite,
  simulation: async () => (await import('./simulation/suite.ts')).simulationSuite,
  steps: async () => (await import('./steps/suite.ts')).stepsSuite,
  'volume-churn': async () => (await import('./churn/volume-churn.ts')).volumeChurnSuite,
};
