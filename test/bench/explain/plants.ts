// Owns the causes that are planted, one at a time: each leaves everything else as Ironbark's default has it, and names what
// the explanation has to say.

import { DIRECT, type DiskProfile } from '@ironbark/core/io-profile.ts';
import type { CauseName } from '@ironbark/lab/explain/causes.ts';
import type { NetworkCauseName } from '@ironbark/lab/explain/network-causes.ts';
import type { Configuration, MatrixRow } from '@ironbark/lab/matrix/configuration.ts';
import { PAPER_KVM_2010 } from '@ironbark/lab/matrix/matrix.ts';
import { rowsOf } from '@ironbark/lab/matrix/select-rows.ts';
import type { Direction } from '@ironbark/lab/paper/paper-rows.ts';
import type { Workload } from '@ironbark/lab/workloads/workload.ts';

/** What is done to the guest while it is measured. */
export type Hardship = 'busy-host' | 'busy-guest' | 'busy-server';

export interface DiskPlant {
  name: string;
  expected: CauseName;
  row: MatrixRow;
  /** On a disk with a head that has to move. */
  seeks: boolean;
  hardship?: Hardship;
}

export interface NetworkPlant {
  name: string;
  expected: NetworkCauseName;
  /** Of the lab's own matrix. */
  rowId: string;
}

interface Planting {
  target?: Configuration['target'];
  profile?: DiskProfile;
  limit?: NonNullable<Configuration['limit']>;
  direction: Direction;
  workload?: Workload;
  seeks?: boolean;
  hardship?: Hardship;
}

function disk(name: string, expected: DiskPlant['expected'], planting: Planting): DiskPlant {
  const { target = 'local-disk', profile = DIRECT, limit, direction } = planting;
  const { workload = 'buffered', seeks = false, hardship } = planting;
  const configuration: Configuration = {
    ...{ vmm: 'guest', target, profile, isQuick: false },
    ...(limit === undefined ? {} : { limit }),
  };
  const row = rowsOf(configuration, [workload]).find((each) => each.direction === direction)!;
  // The profile may be the same in several.
  const named = { ...row, id: `${name}/${row.id}` };
  return { name, expected, row: named, seeks, ...(hardship === undefined ? {} : { hardship }) };
}

const LIMIT = { iops: 100_000, bytesPerSecond: 8e6 };
const WRITTEN_THROUGH: DiskProfile = { ...DIRECT, cache: 'writethrough' };

export const DISK_PLANTS: readonly DiskPlant[] = [
  disk('sparse file', 'sparse-file', {
    ...{ target: 'sparse-file', profile: WRITTEN_THROUGH, seeks: true },
    // Through the page cache, that a guest begins to write late would cost a short transfer as much.
    ...{ direction: 'write', workload: 'direct' },
  }),
  disk('emulated bus', 'emulated-bus', {
    profile: { ...DIRECT, ...pick(PAPER_KVM_2010), iothread: false, queues: 1, optimalIoBytes: 0 },
    direction: 'read',
  }),
  disk('read-ahead off', 'short-read-ahead', {
    profile: { ...DIRECT, optimalIoBytes: 0 },
    direction: 'read',
  }),
  disk('throttled disk, read', 'limit', { limit: LIMIT, direction: 'read' }),
  disk('throttled disk, write', 'limit', { limit: LIMIT, direction: 'write' }),
  disk('single queue', 'single-queue', {
    profile: { ...DIRECT, queues: 1 },
    ...{ direction: 'read', workload: 'fio-random-qd64', hardship: 'busy-server' },
  }),
  // In order, the host itself waits between two requests as well, and the gap that is planted is a few percent.
  disk('one request at a time', 'one-at-a-time', {
    ...{ direction: 'read', workload: 'fio-random-qd1' },
  }),
  disk('CPU-starved guest, by its host', 'starved-guest', {
    ...{ direction: 'read', hardship: 'busy-host' },
  }),
  disk('CPU-starved guest, by itself', 'starved-guest', {
    ...{ direction: 'read', hardship: 'busy-guest' },
  }),
];

/** The bus alone: how the bytes are opened stays the default's. */
function pick({ bus }: DiskProfile): Pick<DiskProfile, 'bus'> {
  return { bus };
}

export const NETWORK_PLANTS: readonly NetworkPlant[] = [
  {
    name: '1,500-byte frames',
    expected: 'small-frames',
    rowId: 'network/other-host/virtio-net-plain+mtu-1500/transmit/1',
  },
  { name: 'emulated card', expected: 'emulated-nic', rowId: 'network/host/e1000/transmit/1' },
];
