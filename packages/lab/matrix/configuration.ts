// Owns one line of the lab's matrix: what runs the workload, on which bytes, through which driver and interface.

import type { DiskProfile } from '@ironbark/core/io-profile.ts';
import {
  type Direction,
  type PaperDriver,
  type PaperInterface,
  type PaperRow,
  type PaperTarget,
  type PaperVmm,
  paperTable,
} from '../paper/paper-rows.ts';
import type { Workload } from '../workloads/workload.ts';

/** `guest`: under KVM where the host has it, else emulated. */
export type LabVmm = 'none' | 'guest' | 'xen' | 'ec2';

/** `volume-device`: a volume that the host has as a disk; `volume`: one that the VMM's own driver opens. */
export type LabTarget =
  | 'local-disk'
  | 'sparse-file'
  | 'preallocated-file'
  | 'volume-device'
  | 'volume'
  | 'volume-in-guest';

export type LabMark = 'paper-kvm-2010' | 'paper-xen-2010' | 'ironbark-default';

/** Which of the paper's guests a configuration repeats. */
export interface PaperGuest {
  vmm: PaperVmm;
  target: PaperTarget;
  driver?: PaperDriver;
  interface?: PaperInterface;
}

export interface DiskLimit {
  iops: number;
  bytesPerSecond: number;
}

export interface Configuration {
  vmm: LabVmm;
  target: LabTarget;
  /** How a guest's disk is opened and shown; absent where there is no guest of ours. */
  profile?: DiskProfile;
  /** What the VMM lets through, as of a volume with a type. */
  limit?: DiskLimit;
  paper?: PaperGuest;
  mark?: LabMark;
  /** Why no host can run it yet; a whole sentence. */
  reason?: string;
  /** Among the rows of `--quick`. */
  isQuick: boolean;
}

export interface MatrixRow {
  id: string;
  configuration: Configuration;
  direction: Direction;
  workload: Workload;
  /** From how much on the guest's kernel begins to send what was written; its own choice when absent. */
  dirtyBackgroundBytes?: number;
}

/** Such as `guest/local-disk/virtio-blk/io_uring+iothread+read-ahead/direct`. */
export function configurationId({ vmm, target, profile, limit, paper }: Configuration): string {
  const how =
    profile === undefined
      ? [paper?.driver, paper?.interface]
      : [
          profile.bus === 'none' ? initiatorOf(profile) : profile.bus,
          engineOf(target, profile),
          cacheOf(profile),
          limit === undefined ? undefined : 'limited',
        ];
  return [vmm, target, ...how].filter((part) => part !== undefined).join('/');
}

/** As the tables name it: the driver before the slash, the interface behind it. */
export function renderSetting({ target, profile, paper }: Configuration): string {
  if (profile === undefined) {
    const parts = [PAPER_NAMES[paper?.driver ?? ''], PAPER_NAMES[paper?.interface ?? '']];
    return parts.filter((part) => part !== undefined).join('/') || '–';
  }
  if (profile.bus === 'none')
    return `${initiatorOf(profile) === 'aoe' ? 'AoE' : 'NBD'} in the guest`;
  const cache = profile.cache === 'direct' ? '' : `, ${profile.cache}`;
  return `${DRIVER_NAMES[profile.bus] ?? profile.bus}/${engineOf(target, profile)}${cache}`;
}

/** In the words of the paper's tables. */
const PAPER_NAMES: Readonly<Record<string, string>> = {
  lsi53c895a: 'SCSI',
  virtio: 'Virtio',
  xvd: 'XVD',
  proprietary: 'proprietary',
  'sparse-file': 'sparse file',
  'preallocated-file': 'pre-alloc file',
  phy: 'phy',
  tap: 'tap',
};

const DRIVER_NAMES: Readonly<Record<string, string>> = {
  lsi53c895a: 'LSI SCSI',
  'virtio-blk': 'virtio-blk',
  'virtio-scsi': 'virtio-scsi',
  nvme: 'NVMe',
  ide: 'IDE',
};

/** A volume over the network is opened by a driver of the VMM's own, whatever the engine for files is. */
function engineOf(target: LabTarget, profile: DiskProfile): string | undefined {
  if (profile.bus === 'none') return undefined;
  return [
    target === 'volume' ? 'nbd' : profile.aio,
    ...(profile.iothread ? ['iothread'] : []),
    ...(profile.optimalIoBytes > 0 ? ['read-ahead'] : []),
  ].join('+');
}

function cacheOf({ bus, cache }: DiskProfile): string | undefined {
  return bus === 'none' ? undefined : cache;
}

/** The paper's own row of this configuration; buffered, as the paper's dd was. */
export function paperRowOf(row: Omit<MatrixRow, 'id'>): PaperRow | undefined {
  const { paper } = row.configuration;
  if (paper === undefined || row.workload !== 'buffered') return undefined;
  return paperTable(row.direction).find(
    (each) =>
      each.vmm === paper.vmm &&
      each.target === paper.target &&
      each.driver === paper.driver &&
      each.interface === paper.interface,
  );
}

function initiatorOf({ transport }: DiskProfile): string {
  return transport ?? 'nbd';
}
