// Owns the list of workloads: the stores that have to keep what they acknowledge, and the disciplines that show
// that the harness would notice if they did not.

import type { FileDiscipline } from './file-disciplines.ts';
import type { Workload } from './workload.ts';

const discipline = async (name: FileDiscipline): Promise<Workload> =>
  (await import('./file-disciplines.ts')).fileDiscipline(name);
const sqlite = async (synchronous: 'NORMAL' | 'FULL'): Promise<Workload> =>
  (await import('./sqlite-disciplines.ts')).sqliteDiscipline(synchronous);

export interface Entry {
  /** Called in the writer's process alone, so that it starts with its own store and no other. */
  load(): Promise<Workload>;
  /** The power goes within so many writes and flushes of the device; a few operations' worth. */
  maxRequests: number;
  /** How often it begins to write alone and its requests decide the moment; more for what is slow. */
  turns: number;
  /** The power goes after this even when there were fewer. */
  patienceMs: number;
  /** `any`: while the store is opened or written to, and now and then after a crash of its process. */
  moments: 'any' | 'writing' | 'after-a-crash';
}

/** What syncs writes at once; this is for a busy host. */
const STORE = { maxRequests: 200, patienceMs: 1_000, turns: 1, moments: 'any' } as const;
/** What does not sync writes to the host's memory alone, for seconds. */
const DISCIPLINE = { maxRequests: 60, patienceMs: 300, turns: 1, moments: 'writing' } as const;

const ENTRIES = {
  state: { ...STORE, load: async () => (await import('./state-store.ts')).openStateStore },
  node: { ...STORE, load: async () => (await import('./node-files.ts')).openNodeFiles },
  objects: {
    ...STORE,
    maxRequests: 400,
    turns: 2,
    load: async () => (await import('./objects.ts')).openObjects,
  },
  volumes: { ...STORE, load: async () => (await import('./volumes.ts')).openVolumes },
  'sealed-volumes': {
    ...STORE,
    load: async () => (await import('./sealed-volumes.ts')).openSealedVolumes,
  },
  'aoe-volumes': {
    ...STORE,
    load: async () => (await import('./aoe-volumes.ts')).openAoeVolumes,
  },
  snapshots: {
    ...STORE,
    maxRequests: 800,
    patienceMs: 2_500,
    turns: 3,
    load: async () => (await import('./snapshots.ts')).openSnapshots,
  },
  filling: {
    ...STORE,
    maxRequests: 600,
    patienceMs: 2_500,
    turns: 3,
    load: async () => (await import('./filling.ts')).openFilling,
  },
  'sealed-filling': {
    ...STORE,
    maxRequests: 600,
    patienceMs: 2_500,
    turns: 3,
    load: async () => (await import('./filling.ts')).openSealedFilling,
  },
  events: { ...STORE, load: async () => (await import('./events.ts')).openEvents },
  cloud: { ...STORE, load: async () => (await import('./cloud.ts')).openCloud },
  'files-in-place': { ...DISCIPLINE, load: () => discipline('in-place') },
  'files-without-sync': { ...DISCIPLINE, load: () => discipline('unsynced') },
  'files-without-directory-sync': { ...DISCIPLINE, load: () => discipline('nameless') },
  'files-with-both-syncs': { ...DISCIPLINE, load: () => discipline('synced') },
  'sqlite-normal': { ...DISCIPLINE, load: () => sqlite('NORMAL') },
  'sqlite-full': { ...DISCIPLINE, load: () => sqlite('FULL') },
  'sqlite-full-after-a-crash': {
    ...STORE,
    moments: 'after-a-crash',
    load: () => sqlite('FULL'),
  },
} as const satisfies Record<string, Entry>;

export type WorkloadName = keyof typeof ENTRIES;
export const WORKLOADS: Readonly<Record<WorkloadName, Entry>> = ENTRIES;

/** Each of them has to lose nothing at a power cut. */
export const STORES = ['state', 'objects', 'volumes', 'snapshots', 'node', 'events'] as const;

/** By name alone, and with fewer cuts: volumes in another form, each of which takes its time. */
export const FORMS = ['sealed-volumes', 'aoe-volumes', 'filling'] as const;

/** Not in the test run: another form of those. */
export const LONGER_FORMS = ['sealed-filling'] as const;

export type StoreName = (typeof STORES)[number];
