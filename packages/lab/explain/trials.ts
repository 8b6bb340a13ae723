// Owns what is tried for each cause: the same work twice in a guest made for it, once as the volume is used and once with
// the setting that the explanation names. Pure.

import { isDeepStrictEqual } from 'node:util';
import { DIRECT, type DiskProfile, READ_STREAM } from '@ironbark/core/io-profile.ts';
import { MIB } from '@ironbark/core/units.ts';
import type { Configuration, DiskLimit, MatrixRow } from '../matrix/configuration.ts';
import type { TestbedName } from '../testbeds.ts';
import type { Workload } from '../workloads/workload.ts';
import type { CauseName } from './causes.ts';
import type { Observation } from './observation.ts';

export interface Trial {
  /** For people: what is changed; part of a sentence. */
  change: string;
  before: MatrixRow;
  after: MatrixRow;
  /** What both are measured on. */
  testbed: TestbedName;
}

export interface TrialSubject {
  cause: CauseName;
  observation: Observation;
  /** With which the disk runs, and an engine that this host allows. */
  profile: DiskProfile;
}

type Work = Omit<MatrixRow, 'id'>;

interface Change {
  change: string;
  apply(before: Work, observation: Observation): Partial<Work>;
}

/** A sentence: why nothing of the kind can be tried. */
type NotTried = string;

const ELSEWHERE =
  'What changes it is no setting of the disk: another instance type, another host, or less work beside it.';
const NETWORK = 'What changes it is the network’s: a trial has none but its own.';

const CHANGES: Readonly<Record<CauseName, Change | NotTried>> = {
  limit: {
    change: 'a limit twice as high',
    apply: ({ configuration }) => changed(configuration, { limit: twice(configuration.limit!) }),
  },
  'starved-guest': ELSEWHERE,
  disk: 'The disk itself is what is slow: no setting changes it.',
  'small-frames': NETWORK,
  wire: NETWORK,
  'busy-server': withProfile('the default profile', DIRECT),
  'guest-initiator': {
    change: 'the volume attached by the host',
    apply: ({ configuration }, { setting }) =>
      changed(configuration, {
        ...{ target: 'volume', profile: { ...DIRECT, aio: setting.aio ?? DIRECT.aio } },
      }),
  },
  'sparse-file': {
    change: 'a file that is allocated beforehand',
    apply: ({ configuration }) => changed(configuration, { target: 'preallocated-file' }),
  },
  'write-through': withProfile('cache=direct', { cache: 'direct' }),
  'emulated-bus': withProfile('virtio-blk with the default profile', DIRECT),
  'single-queue': withProfile('a queue for each processor', { queues: 'vcpus' }),
  'short-read-ahead': withProfile('an optimal I/O size of 2 MiB', {
    optimalIoBytes: DIRECT.optimalIoBytes,
  }),
  'small-requests': {
    change: 'requests of 64 KiB, in order, 16 at a time',
    apply: () => ({ workload: 'fio-sequential-qd16' }),
  },
  'one-at-a-time': {
    change: 'the read-stream profile for reads, 16 requests at a time for writes',
    apply: ({ configuration, direction }) =>
      direction === 'write'
        ? { workload: 'fio-sequential-qd16' }
        : profiled(configuration, { name: READ_STREAM.name, cache: READ_STREAM.cache }),
  },
  'late-requests': {
    change: 'vm.dirty_background_bytes of 4 MiB in the guest for writes, 16 reads at a time',
    apply: ({ direction }) =>
      direction === 'write'
        ? { dirtyBackgroundBytes: 4 * MIB }
        : { workload: 'fio-sequential-qd16' },
  },
};

const NO_AOE =
  'The lab attaches a volume inside a guest over NBD only: over AoE there is nothing to compare with.';

const SAME = 'The volume runs with that setting already.';

export function trialOf(subject: TrialSubject): Trial | { reason: string } {
  const { cause, observation, profile } = subject;
  const change = CHANGES[cause];
  if (typeof change === 'string') return { reason: change };
  if (profile.attachMode === 'guest' && profile.transport === 'aoe') return { reason: NO_AOE };
  const before = workLike(subject);
  const after = { ...before, ...change.apply(before, observation) };
  if (isDeepStrictEqual(before, after)) return { reason: SAME };
  return {
    change: change.change,
    before: { id: 'try/before', ...before },
    after: { id: 'try/after', ...after },
    // This host's own disk, where the volumes are; it has no volume of its own to be reached over a network.
    testbed: profile.attachMode === 'guest' ? 'slow' : 'native',
  };
}

/** The nearest to what the guest was seen to do. */
function workLike({ cause, observation, profile }: TrialSubject): Work {
  const { direction, limit, setting } = observation;
  const isGuests = profile.attachMode === 'guest';
  const configuration: Configuration = {
    ...{ vmm: 'guest', profile, isQuick: false },
    target: isGuests ? 'volume-in-guest' : targetOf(setting),
    // A limit holds in QEMU, which a volume that the guest attaches goes past.
    ...(limit === undefined || isGuests ? {} : { limit: holding(limit) }),
  };
  return { configuration, direction, workload: workloadLike(cause, observation) };
}

function targetOf({ store }: Observation['setting']): Configuration['target'] {
  return store === 'sparse-file' || store === 'preallocated-file' ? store : 'local-disk';
}

/** By the causes that are about the guest's page cache, through it. */
const CACHED: readonly CauseName[] = ['short-read-ahead', 'late-requests', 'sparse-file'];
/** Nearer to the 4 KiB of jobs at random than to the 64 KiB of those in order. */
const RANDOM_SECTORS = 32;
const DEPTHS = [
  [1.3, 'fio-random-qd1'],
  [8, 'fio-random-qd4'],
  [32, 'fio-random-qd16'],
] as const;

function workloadLike(cause: CauseName, { seen }: Observation): Workload {
  if (CACHED.includes(cause)) return 'buffered';
  if (seen.requestSectors <= RANDOM_SECTORS) {
    return DEPTHS.find(([most]) => seen.queueDepth < most)?.[1] ?? 'fio-random-qd64';
  }
  return seen.queueDepth < DEPTHS[0][0] ? 'direct' : 'fio-sequential-qd16';
}

function withProfile(change: string, wanted: Partial<DiskProfile>): Change {
  // The engine stays: what this host allows is known of that one only.
  const apply = ({ configuration }: Work) =>
    profiled(configuration, { ...wanted, aio: configuration.profile!.aio });
  return { change, apply };
}

function profiled(configuration: Configuration, wanted: Partial<DiskProfile>): Partial<Work> {
  return changed(configuration, { profile: { ...configuration.profile!, ...wanted } });
}

function changed(configuration: Configuration, wanted: Partial<Configuration>): Partial<Work> {
  return { configuration: { ...configuration, ...wanted } };
}

function twice({ iops, bytesPerSecond }: DiskLimit): DiskLimit {
  return { iops: 2 * iops, bytesPerSecond: 2 * bytesPerSecond };
}

/** Above what any disk does, and below what QEMU takes. */
const NO_LIMIT = 1e12;

function holding({ iops, bytesPerSecond }: DiskLimit): DiskLimit {
  const orNone = (rate: number) => (Number.isFinite(rate) ? rate : NO_LIMIT);
  return { iops: orNone(iops), bytesPerSecond: orNone(bytesPerSecond) };
}
