// Owns a row of the matrix as it is reported: what was measured or why not, beside the paper's own values.

import { LINUX_READ_AHEAD_BYTES } from '@ironbark/core/io-profile.ts';
import type { DiskFigures } from '../disk/disk-figures.ts';
import { type Explanation, explain } from '../explain/explain.ts';
import type { DiskSetting, Observation } from '../explain/observation.ts';
import type { Accelerator } from '../guest/qemu-arguments.ts';
import {
  type LabMark,
  type LabTarget,
  type MatrixRow,
  paperRowOf,
  renderSetting,
} from '../matrix/configuration.ts';
import { shareOf } from '../paper/paper-claims.ts';
import { type Direction, paperLabel } from '../paper/paper-rows.ts';
import { isCached, type Workload } from '../workloads/workload.ts';
import { VCPUS } from './machine.ts';
import type { Sample } from './sample.ts';
import { median, type Spread, spreadOf } from './statistics.ts';

export interface PaperValues extends Partial<DiskFigures> {
  row: string;
  /** Absent where only the share of the bare machine is known. */
  mbps?: number;
  /** Of the paper's bare machine, from its raw values; absent where it has none. */
  ratio?: number;
  isDefault: boolean;
}

export interface Measured extends DiskFigures {
  /** MB/s of the sample in the middle; so are the figures of the disk. */
  mbps: number;
  amplification: number;
  /** To the host's own dd, in the middle; absent on the host's rows. */
  ratio?: number;
  /** Over the repeats. */
  spread: { mbps: Spread; ratio?: Spread };
  samples: number;
  /** All of them, in their order. */
  rounds: RoundResult[];
  /** Rounds that are not among them: the guest was kept from the host's processors longer than in the others. */
  disturbed?: number;
  guestBusy?: number;
  servingBusy?: number;
  guestWaiting?: number;
  iops?: number;
  latencyMs?: NonNullable<Sample['latencyMs']>;
  requestMs?: number;
  work?: NonNullable<Sample['work']>;
}

export interface RowResult extends Partial<Measured> {
  id: string;
  vmm: 'none' | 'kvm' | 'emulation' | 'xen' | 'ec2';
  target: LabTarget;
  setting: string;
  direction: Direction;
  workload: Workload;
  mark?: LabMark;
  paper?: PaperValues;
  explanation?: Explanation;
  /** Why there are no figures. */
  reason?: string;
}

export interface RoundResult {
  mbps: number;
  /** Of the host, before and after. */
  hostMbps?: number;
  /** Share of the time in which the guest's processors were kept waiting. */
  waiting?: number;
}

/** A sample, and the host's own rate in the same round. */
export interface Taken {
  sample: Sample;
  hostMbps?: number;
}

export function describeRow(row: MatrixRow, accelerator: Accelerator): RowResult {
  const { id, configuration, direction, workload } = row;
  const { vmm, target, mark } = configuration;
  const paper = paperValuesOf(row);
  return {
    id,
    vmm: vmm === 'guest' ? (accelerator === 'kvm' ? 'kvm' : 'emulation') : vmm,
    target,
    setting: renderSetting(configuration),
    direction,
    workload,
    ...(mark === undefined ? {} : { mark }),
    ...(paper === undefined ? {} : { paper }),
  };
}

function paperValuesOf(row: MatrixRow): PaperValues | undefined {
  if (row.workload === 'hadoop') return paperHadoopOf(row);
  const found = paperRowOf(row);
  if (found === undefined) return undefined;
  const ratio = found.vmm === 'none' ? undefined : shareOf(found);
  const { mbps, isDefault, seen } = found;
  return {
    ...{ row: paperLabel(found), mbps, isDefault, ...seen },
    ...(ratio === undefined ? {} : { ratio }),
  };
}

/** Its Figure 3 is a drawing; its text gives one share for both of KVM's drivers on the local disk. */
function paperHadoopOf({ configuration: { paper } }: MatrixRow): PaperValues | undefined {
  if (paper?.vmm !== 'kvm' || paper.target !== 'local-disk') return undefined;
  return { row: 'Figure 3', ratio: PAPER_HADOOP_SHARE, isDefault: false };
}

export function resultOf(
  row: MatrixRow,
  taken: readonly Taken[],
  accelerator: Accelerator,
): RowResult {
  const described = describeRow(row, accelerator);
  const measured = summarize(taken);
  const explanation = explanationOf(row, measured);
  return { ...described, ...measured, ...(explanation === undefined ? {} : { explanation }) };
}

/** Of its time; what a guest on an idle host waits for the processes that serve it differs by less from round to round. */
const MUCH_WAITING = 0.1;

/** Without the rounds in which the guest's processors were kept waiting longer than in most: those tell of what else the host did. */
export function calmOf(taken: readonly Taken[]): Taken[] {
  const waiting = ({ sample }: Taken) => sample.guestWaiting ?? 0;
  if (taken.length === 0) return [];
  const usual = median(taken.map(waiting));
  return taken.filter((each) => waiting(each) <= usual + MUCH_WAITING);
}

export function summarize(all: readonly Taken[]): Measured {
  const taken = calmOf(all);
  const disturbed = all.length - taken.length;
  const sorted = taken.toSorted((a, b) => a.sample.mbps - b.sample.mbps);
  const { sample } = sorted[sorted.length >> 1]!;
  const { requestSectors, queueDepth, utilisation } = sample.seen;
  const ratios = ratiosOf(taken);
  const ratio = ratios.length === 0 ? undefined : spreadOf(ratios);
  return {
    ...{ mbps: sample.mbps, requestSectors, queueDepth, utilisation },
    amplification: sample.amplification,
    spread: {
      mbps: spreadOf(taken.map((each) => each.sample.mbps)),
      ...(ratio === undefined ? {} : { ratio }),
    },
    samples: taken.length,
    rounds: all.map(roundOf),
    ...(disturbed === 0 ? {} : { disturbed }),
    ...(ratio === undefined ? {} : { ratio: ratio.median }),
    ...definedOf(sample),
  };
}

function roundOf({ sample: { mbps, guestWaiting }, hostMbps }: Taken): RoundResult {
  return {
    mbps,
    ...(hostMbps === undefined ? {} : { hostMbps }),
    ...(guestWaiting === undefined ? {} : { waiting: guestWaiting }),
  };
}

/** To the host's own rate in the same round. */
export function ratiosOf(taken: readonly Taken[]): number[] {
  return taken.flatMap(({ sample: { mbps }, hostMbps }) =>
    hostMbps === undefined ? [] : [mbps / hostMbps],
  );
}

/** What not every sample has. */
function definedOf({ guestBusy, servingBusy, guestWaiting, iops, latencyMs, ...seen }: Sample) {
  const { requestMs, work } = seen;
  return {
    ...(requestMs === undefined ? {} : { requestMs }),
    ...(work === undefined ? {} : { work }),
    ...(guestBusy === undefined ? {} : { guestBusy }),
    ...(servingBusy === undefined ? {} : { servingBusy }),
    ...(guestWaiting === undefined ? {} : { guestWaiting }),
    ...(iops === undefined ? {} : { iops }),
    ...(latencyMs === undefined ? {} : { latencyMs }),
  };
}

const MEGA = 1e6;
/** "Only achieve 60% of the bandwidth of the non-virtualized Hadoop performance." */
const PAPER_HADOOP_SHARE = 0.6;

function explanationOf(row: MatrixRow, measured: Measured): Explanation | undefined {
  const { mbps, ratio, requestSectors, queueDepth, utilisation } = measured;
  const { profile } = row.configuration;
  if (profile === undefined || ratio === undefined) return undefined;
  const observation: Observation = {
    direction: row.direction,
    guestRate: mbps * MEGA,
    hostRate: (mbps * MEGA) / ratio,
    seen: { requestSectors, queueDepth, utilisation },
    setting: settingOf(row),
    ...(row.configuration.limit === undefined ? {} : { limit: row.configuration.limit }),
    amplification: measured.amplification,
    ...processorOf(measured),
  };
  return explain(observation);
}

function processorOf(measured: Measured): Pick<Observation, 'processor'> {
  const { guestBusy, servingBusy, guestWaiting = 0 } = measured;
  if (guestBusy === undefined || servingBusy === undefined) return {};
  return { processor: { guest: guestBusy, serving: servingBusy, waiting: guestWaiting } };
}

function settingOf({ configuration, workload }: MatrixRow): DiskSetting {
  const { target, profile } = configuration;
  const { bus, cache, aio, optimalIoBytes, attachMode, queues } = profile!;
  // NVMe and IDE disks show no optimal I/O size; past the page cache nothing is read ahead.
  const readAheadBytes = Math.max(2 * optimalIoBytes, LINUX_READ_AHEAD_BYTES);
  return {
    ...{ bus, cache, aio, attachMode, store: storeOf(target), vcpus: VCPUS },
    queues: queues === 'vcpus' ? VCPUS : queues,
    readAheadBytes: isCached(workload) ? readAheadBytes : Number.POSITIVE_INFINITY,
  };
}

function storeOf(target: LabTarget): NonNullable<DiskSetting['store']> {
  if (target === 'sparse-file' || target === 'preallocated-file') return target;
  return target === 'local-disk' ? 'device' : 'volume';
}
