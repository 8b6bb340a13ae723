// Owns the list of workloads: the stores that have to keep what they acknowledge, and the disciplines that show
// that the harness would notice if they did not.

import type { Workload } from './workload.ts';

const discipline = async (name: 'unsynced' | 'nameless' | 'synced'): Promise<Workload> =>
  (await import('./file-disciplines.ts')).fileDiscipline(name);
const sqlite = async (synchronous: 'NORMAL' | 'FULL'): Promise<Workload> =>
  (await import('./sqlite-disciplines.ts')).sqliteDiscipline(synchronous);

export interface Entry {
  /** Called in the writer's process alone, so that it starts with its own store and no other. */
  load(): Promise<Workload>;
  /** The power goes within so many writes and flushes of the device; a few operations' worth. */
  maxRequests: number;
  /** The power goes after this even when there were fewer. */
  patienceMs: number;
  /** When the power goes; at any moment when absent. */
  moments?: readonly CutMoment[];
}

/**
 * `writing`: while the store is written to. `opening`: while it is opened, which is when it mends what the cut
 * before has left. `crashed`: its process has died first, in place of a sync, so that what it left in the page cache
 * was read, and believed, by another. The power goes before that one writes.
 */
export type CutMoment = 'writing' | 'opening' | 'crashed';

/** What syncs writes at once; this is for a busy host. */
const STORE = { maxRequests: 200, patienceMs: 3_000 };
/** What does not sync writes to the host's memory alone, for seconds. */
const DISCIPLINE = { maxRequests: 60, patienceMs: 300, moments: ['writing', 'opening'] } as const;

const ENTRIES = {
  state: { ...STORE, load: async () => (await import('./state-store.ts')).openStateStore },
  node: { ...STORE, load: async () => (await import('./node-files.ts')).openNodeFiles },
  objects: {
    ...STORE,
    maxRequests: 400,
    load: async () => (await import('./objects.ts')).openObjects,
  },
  volumes: { ...STORE, load: async () => (await import('./volumes.ts')).openVolumes },
  snapshots: {
    ...STORE,
    maxRequests: 800,
    load: async () => (await import('./snapshots.ts')).openSnapshots,
  },
  'files-without-sync': { ...DISCIPLINE, load: () => discipline('unsynced') },
  'files-without-directory-sync': { ...DISCIPLINE, load: () => discipline('nameless') },
  'files-with-both-syncs': { ...DISCIPLINE, load: () => discipline('synced') },
  'sqlite-normal': { ...DISCIPLINE, load: () => sqlite('NORMAL') },
  'sqlite-full': { ...DISCIPLINE, load: () => sqlite('FULL') },
  'sqlite-full-after-a-crash': {
    ...STORE,
    moments: ['crashed'],
    load: () => sqlite('FULL'),
  },
} as const satisfies Record<string, Entry>;

export type WorkloadName = keyof typeof ENTRIES;
export const WORKLOADS: Readonly<Record<WorkloadName, Entry>> = ENTRIES;

/** Each of them has to lose nothing. */
export const STORES = ['state', 'objects', 'volumes', 'snapshots', 'node'] as const;

export type StoreName = (typeof STORES)[number];
