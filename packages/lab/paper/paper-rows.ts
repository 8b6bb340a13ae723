// Owns the paper's two tables as data: J. Shafer, "I/O Virtualization Bottlenecks in Cloud Computing Today", WIOV 2010,
// Tables 1 and 2. Raw values only: whatever is a ratio is computed from them.

export type Direction = 'read' | 'write';
export type PaperVmm = 'none' | 'kvm' | 'xen' | 'ec2';
export type PaperTarget = 'local-file' | 'local-disk' | 'ebs';
export type PaperDriver = 'lsi53c895a' | 'virtio' | 'xvd' | 'proprietary';
/** How the VMM reached the host's bytes: `phy` a device, `tap` through a process. */
export type PaperInterface = 'sparse-file' | 'preallocated-file' | 'phy' | 'tap';

export interface PaperRow {
  direction: Direction;
  vmm: PaperVmm;
  target: PaperTarget;
  /** Absent on the bare machine. */
  driver?: PaperDriver;
  interface?: PaperInterface;
  /** What Eucalyptus did without being told otherwise. */
  isDefault: boolean;
  /** Megabytes (10^6) a second, in the guest. */
  mbps: number;
  /** What the host's disk saw meanwhile; EC2 and EBS rows have none. */
  seen?: PaperSeen;
}

export interface PaperSeen {
  /** Average request, in sectors of 512 bytes. */
  requestSectors: number;
  queueDepth: number;
  /** Share of the time with a request outstanding. */
  utilisation: number;
}

type Guest = Pick<PaperRow, 'vmm' | 'target' | 'driver' | 'interface'> & { isDefault?: boolean };
type Measured = readonly [mbps: number, requestSectors?: number, queue?: number, percent?: number];

/** A row of both tables: the same guest, written and read. */
interface Pair {
  guest: Guest;
  write: Measured;
  read: Measured;
}

const PAIRS: readonly Pair[] = [
  {
    guest: { vmm: 'none', target: 'local-disk' },
    write: [111, 1024, 140, 100],
    read: [108, 512, 0.94, 96],
  },
  {
    guest: {
      ...{ vmm: 'kvm', target: 'local-file', driver: 'lsi53c895a' },
      ...{ interface: 'sparse-file', isDefault: true },
    },
    write: [1.3, 30, 0.9, 90],
    read: [71.9, 450, 1.1, 96],
  },
  {
    guest: { vmm: 'kvm', target: 'local-disk', driver: 'lsi53c895a', interface: 'phy' },
    write: [71.5, 256, 0.57, 64],
    read: [70.5, 512, 0.7, 68],
  },
  {
    guest: { vmm: 'kvm', target: 'local-disk', driver: 'lsi53c895a', interface: 'tap' },
    write: [70, 256, 0.58, 59],
    read: [56.7, 512, 0.7, 62],
  },
  {
    guest: { vmm: 'kvm', target: 'local-disk', driver: 'virtio', interface: 'phy' },
    write: [110, 1024, 60, 100],
    read: [76.2, 512, 0.5, 57],
  },
  {
    guest: { vmm: 'kvm', target: 'local-disk', driver: 'virtio', interface: 'tap' },
    write: [111, 1024, 60, 100],
    read: [76.1, 512, 0.5, 62],
  },
  {
    guest: {
      ...{ vmm: 'xen', target: 'local-file', driver: 'lsi53c895a' },
      ...{ interface: 'preallocated-file', isDefault: true },
    },
    write: [58.4, 995, 142, 100],
    read: [83.1, 241, 1.6, 99],
  },
  {
    guest: { vmm: 'xen', target: 'local-disk', driver: 'lsi53c895a', interface: 'phy' },
    write: [65.8, 251, 0.87, 86],
    read: [42.8, 14, 22.4, 99],
  },
  {
    guest: { vmm: 'xen', target: 'local-disk', driver: 'lsi53c895a', interface: 'tap' },
    write: [66, 78, 30, 99],
    read: [35.3, 11, 22, 99],
  },
  {
    guest: { vmm: 'xen', target: 'local-disk', driver: 'xvd', interface: 'phy' },
    write: [102, 700, 3, 100],
    read: [94.8, 128, 2.2, 99],
  },
  {
    guest: { vmm: 'ec2', target: 'local-disk', driver: 'proprietary' },
    write: [65.8],
    read: [113],
  },
  { guest: { vmm: 'none', target: 'ebs' }, write: [65.2], read: [55.8] },
  {
    guest: {
      ...{ vmm: 'kvm', target: 'ebs', driver: 'lsi53c895a' },
      ...{ interface: 'phy', isDefault: true },
    },
    write: [18.7],
    read: [49.5],
  },
  {
    guest: { vmm: 'kvm', target: 'ebs', driver: 'lsi53c895a', interface: 'tap' },
    write: [19.9],
    read: [46.2],
  },
  {
    guest: { vmm: 'kvm', target: 'ebs', driver: 'virtio', interface: 'phy' },
    write: [20.3],
    read: [48],
  },
  {
    guest: { vmm: 'kvm', target: 'ebs', driver: 'virtio', interface: 'tap' },
    write: [20.2],
    read: [46.3],
  },
  {
    guest: {
      ...{ vmm: 'xen', target: 'ebs', driver: 'lsi53c895a' },
      ...{ interface: 'phy', isDefault: true },
    },
    write: [26.5],
    read: [51.4],
  },
  {
    guest: { vmm: 'xen', target: 'ebs', driver: 'lsi53c895a', interface: 'tap' },
    write: [19.9],
    read: [47.8],
  },
  { guest: { vmm: 'ec2', target: 'ebs', driver: 'proprietary' }, write: [43.1], read: [68] },
];

/** Table 1 (`write`) or Table 2 (`read`), in the paper's order. */
export function paperTable(direction: Direction): PaperRow[] {
  return PAIRS.map(({ guest, write, read }) => {
    const [mbps, requestSectors, queueDepth, percent] = direction === 'write' ? write : read;
    const row = { direction, isDefault: false, ...guest, mbps };
    if (requestSectors === undefined) return row;
    const seen = { requestSectors, queueDepth: queueDepth!, utilisation: percent! / 100 };
    return { ...row, seen };
  });
}

/** The bare machine's rate on the same target, which a row is a share of. EC2's bare machines are nobody's to measure. */
export function bareRateOf(row: PaperRow): number | undefined {
  if (row.vmm === 'ec2') return undefined;
  const kind = row.target === 'ebs' ? 'ebs' : 'local-disk';
  return paperTable(row.direction).find(({ vmm, target }) => vmm === 'none' && target === kind)
    ?.mbps;
}

/** How the paper names the guest: `KVM, local file, SCSI/sparse file (*)`. */
export function paperLabel(row: PaperRow): string {
  const how = [DRIVER_NAMES[row.driver ?? 'none'], INTERFACE_NAMES[row.interface ?? 'none']];
  const driver = how.filter((part) => part !== '').join('/');
  const star = row.isDefault ? ' (*)' : '';
  return [VMM_NAMES[row.vmm], TARGET_NAMES[row.target], ...(driver === '' ? [] : [driver])]
    .join(', ')
    .concat(star);
}

const VMM_NAMES = { none: 'None', kvm: 'KVM', xen: 'Xen', ec2: 'EC2' } as const;
const TARGET_NAMES = {
  'local-file': 'local file',
  'local-disk': 'local disk',
  ebs: 'EBS',
} as const;
const DRIVER_NAMES = {
  none: '',
  lsi53c895a: 'SCSI',
  virtio: 'Virtio',
  xvd: 'XVD',
  proprietary: 'proprietary',
} as const;
const INTERFACE_NAMES = {
  none: '',
  'sparse-file': 'sparse file',
  'preallocated-file': 'pre-alloc file',
  phy: 'phy',
  tap: 'tap',
} as const;
