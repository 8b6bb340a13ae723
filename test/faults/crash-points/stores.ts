// Owns the list of what is crashed: every store, and the whole cloud on simulated guests.

import type { WorkloadName } from '../workloads/workloads.ts';

export const CRASH_STORES = [
  'state',
  'objects',
  'volumes',
  'snapshots',
  'node',
  'cloud',
] as const satisfies readonly WorkloadName[];
