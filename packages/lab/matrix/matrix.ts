// Owns the lab's matrix as data, in the paper's order: the rows of its Tables 1 and 2 first, then what has come since.

import { DIRECT, type DiskProfile } from '@ironbark/core/io-profile.ts';
import type { PaperDriver, PaperInterface, PaperTarget } from '../paper/paper-rows.ts';
import type { Configuration, LabTarget } from './configuration.ts';

const NO_XEN = 'The lab has no driver for Xen yet.';
const NO_EC2 = 'The lab does not start EC2 instances yet: it takes no credentials for them.';
const NO_AOE =
  'The lab attaches a volume inside the guest over NBD: AoE needs the bridge of a running cloud.';

/** A disk as a hypervisor of 2010 gave it: one queue, the main thread, Linux' own read-ahead. */
const PLAIN: DiskProfile = {
  ...DIRECT,
  name: 'lab',
  aio: 'native',
  iothread: false,
  queues: 1,
  optimalIoBytes: 0,
  discard: false,
  mergesRequests: true,
};
const LSI: DiskProfile = { ...PLAIN, bus: 'lsi53c895a' };

/** The default of Eucalyptus on KVM: every write is waited for. */
export const PAPER_KVM_2010: DiskProfile = {
  ...LSI,
  name: 'paper-kvm-2010',
  aio: 'threads',
  cache: 'writethrough',
};
/** And on Xen, whose file was allocated beforehand. */
export const PAPER_XEN_2010: DiskProfile = { ...PAPER_KVM_2010, name: 'paper-xen-2010' };

/** The paper's `phy`: the host's block device by the kernel's own asynchronous I/O; `tap`: by a process' threads. */
const INTERFACES = [
  ['phy', 'native'],
  ['tap', 'threads'],
] as const satisfies readonly [PaperInterface, DiskProfile['aio']][];

function paperGuest(
  place: { target: LabTarget; paperTarget: PaperTarget },
  [paperInterface, aio]: (typeof INTERFACES)[number],
  [driver, base]: readonly [PaperDriver, DiskProfile],
): Configuration {
  return {
    vmm: 'guest',
    target: place.target,
    profile: { ...base, aio },
    paper: { vmm: 'kvm', target: place.paperTarget, driver, interface: paperInterface },
    isQuick: true,
  };
}

function paperGuests(target: LabTarget, paperTarget: PaperTarget): Configuration[] {
  const drivers = [
    ['lsi53c895a', LSI],
    ['virtio', PLAIN],
  ] as const;
  return drivers.flatMap((driver) =>
    INTERFACES.map((each) => paperGuest({ target, paperTarget }, each, driver)),
  );
}

function notHere(
  vmm: 'xen' | 'ec2',
  target: PaperTarget,
  how: { driver: PaperDriver; interface?: PaperInterface },
): Configuration {
  const reason = vmm === 'xen' ? NO_XEN : NO_EC2;
  const paper = { vmm, target, ...how };
  return { vmm, target: LAB_TARGETS[target], paper, reason, isQuick: true };
}

const LAB_TARGETS = {
  'local-file': 'preallocated-file',
  'local-disk': 'local-disk',
  ebs: 'volume-device',
} as const satisfies Record<PaperTarget, LabTarget>;

const PAPER_CONFIGURATIONS: readonly Configuration[] = [
  {
    vmm: 'none',
    target: 'local-disk',
    paper: { vmm: 'none', target: 'local-disk' },
    isQuick: true,
  },
  {
    vmm: 'guest',
    target: 'sparse-file',
    profile: PAPER_KVM_2010,
    mark: 'paper-kvm-2010',
    paper: { vmm: 'kvm', target: 'local-file', driver: 'lsi53c895a', interface: 'sparse-file' },
    isQuick: true,
  },
  ...paperGuests('local-disk', 'local-disk'),
  notHere('xen', 'local-file', { driver: 'lsi53c895a', interface: 'preallocated-file' }),
  notHere('xen', 'local-disk', { driver: 'lsi53c895a', interface: 'phy' }),
  notHere('xen', 'local-disk', { driver: 'lsi53c895a', interface: 'tap' }),
  notHere('xen', 'local-disk', { driver: 'xvd', interface: 'phy' }),
  notHere('ec2', 'local-disk', { driver: 'proprietary' }),
  { vmm: 'none', target: 'volume-device', paper: { vmm: 'none', target: 'ebs' }, isQuick: true },
  ...paperGuests('volume-device', 'ebs'),
  notHere('xen', 'ebs', { driver: 'lsi53c895a', interface: 'phy' }),
  notHere('xen', 'ebs', { driver: 'lsi53c895a', interface: 'tap' }),
  notHere('ec2', 'ebs', { driver: 'proprietary' }),
];

function guest(
  target: LabTarget,
  profile: DiskProfile,
  more: Pick<Configuration, 'mark'> & { isQuick?: boolean } = {},
): Configuration {
  return { vmm: 'guest', target, profile, isQuick: false, ...more };
}

const ENGINES: readonly DiskProfile['aio'][] = ['threads', 'native', 'io_uring'];

/** One driver with every engine, with a thread of its own and without. */
function engines(bus: DiskProfile['bus'], iothreads: readonly boolean[]): Configuration[] {
  return ENGINES.flatMap((aio) =>
    iothreads.map((iothread) => guest('local-disk', { ...DIRECT, bus, aio, iothread })),
  );
}

/** QEMU's emulated buses have no iothread; NVMe and IDE show no optimal I/O size, so none is asked for. */
function emulated(bus: 'ide' | 'nvme'): Configuration[] {
  return ENGINES.map((aio) => guest('local-disk', { ...PLAIN, bus, aio }));
}

const IN_GUEST: DiskProfile = {
  ...PLAIN,
  name: 'guest-attached',
  bus: 'none',
  attachMode: 'guest',
};

const LATER_CONFIGURATIONS: readonly Configuration[] = [
  guest('local-disk', DIRECT, { mark: 'ironbark-default', isQuick: true }),
  ...engines('virtio-blk', [true, false]).filter(({ profile }) => !isDefault(profile!)),
  guest('local-disk', { ...DIRECT, optimalIoBytes: 0 }),
  guest('local-disk', { ...DIRECT, cache: 'writeback' }),
  guest('local-disk', { ...DIRECT, cache: 'writethrough' }),
  ...engines('virtio-scsi', [true, false]),
  ...emulated('nvme'),
  ...emulated('ide'),
  guest('local-disk', { ...LSI, aio: 'io_uring' }),
  guest('local-disk', { ...PAPER_KVM_2010, cache: 'writeback' }),
  guest('local-disk', PAPER_KVM_2010),
  guest('sparse-file', DIRECT),
  guest('preallocated-file', DIRECT),
  guest('preallocated-file', PAPER_XEN_2010, { mark: 'paper-xen-2010', isQuick: true }),
  guest('volume', DIRECT, { mark: 'ironbark-default', isQuick: true }),
  guest('volume', LSI),
  guest('volume-in-guest', IN_GUEST, { isQuick: true }),
  {
    vmm: 'guest',
    target: 'volume-in-guest',
    profile: { ...IN_GUEST, transport: 'aoe' },
    reason: NO_AOE,
    isQuick: true,
  },
];

function isDefault({ bus, aio, iothread }: DiskProfile): boolean {
  return bus === DIRECT.bus && aio === DIRECT.aio && iothread === DIRECT.iothread;
}

export const MATRIX: readonly Configuration[] = [...PAPER_CONFIGURATIONS, ...LATER_CONFIGURATIONS];
