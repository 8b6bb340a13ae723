// Owns the command line of a guest that is started to be measured: every disk of its rows is there from the beginning,
// opened and shown as its row says. Pure. The product's own guests are the node's; they are never given these choices.

import type { DiskProfile } from '@ironbark/core/io-profile.ts';
import { EMULATED_CPU } from '@ironbark/platform/emulated-cpu.ts';

export const QEMU = 'qemu-system-x86_64';
export const ORDERS_SOCKET = 'orders.sock';
export const CONSOLE_LOG = 'console.log';

export type Accelerator = 'kvm' | 'tcg';

/** Where the bytes of a disk are: a file or device of the host, or a server's Unix socket. */
export type DiskSource =
  | { kind: 'file'; path: string }
  | { kind: 'device'; path: string }
  | { kind: 'nbd'; socketPath: string; exportName?: string }
  /** The server reads the guest's requests, and their bytes, in the guest's own memory. Its serial is QEMU's word. */
  | { kind: 'vhost-user'; socketPath: string };

/** What QEMU's storage daemon calls every disk that it serves in this way. */
export const VHOST_USER_SERIAL = 'vhost_user_blk';

export interface LabGuestDisk {
  /** By which the guest knows it; letters and digits. */
  serial: string;
  source: DiskSource;
  profile: DiskProfile;
  limit?: { iops: number; bytesPerSecond: number };
  /** False: its thread sleeps when it has nothing to do, and is not awake for a moment longer. */
  polls?: boolean;
}

export interface LabMachine {
  accelerator: Accelerator;
  vcpus: number;
  memoryMib: number;
  kernelPath: string;
  initrdPath: string;
  disks: readonly LabGuestDisk[];
  /** Cards on taps that are there already; without any, one on a network of QEMU's own, which leads to the host. */
  nics?: readonly LabGuestNic[];
}

export interface LabGuestNic {
  macAddress: string;
  /** The tap's name. */
  tap: string;
  model: 'e1000' | 'virtio-net';
  /** Whether segmentation and checksums are left to whoever carries the packets. */
  offloads: boolean;
  queues: number;
  vhost: boolean;
  /** The largest that the guest may choose. */
  mtu: number;
}

/** Of the LSI adapter: 7 is its own number. IDE has two cables for two each. */
export const MOST_DISKS = { lsi53c895a: 7, ide: 4 } as const;

const LSI_BUS = 'lsi';
const PARAMETERS = [
  'console=ttyS0,115200',
  'quiet',
  'mitigations=off',
  'tsc=reliable',
  'no_timer_check',
  'random.trust_cpu=on',
  'cryptomgr.notests',
  'panic=-1',
];

export function labArguments(machine: LabMachine): string[] {
  const { vcpus, disks } = machine;
  const needsLsi = disks.some(({ profile }) => profile.bus === 'lsi53c895a');
  return [
    ...['-name', 'lab,debug-threads=on', '-nodefaults', '-no-user-config', '-display', 'none'],
    ...memoryArguments(machine),
    '-no-reboot',
    ...(machine.accelerator === 'kvm'
      ? ['-accel', 'kvm', '-cpu', 'host']
      : ['-accel', 'tcg,thread=multi', '-cpu', EMULATED_CPU]),
    ...['-smp', String(vcpus)],
    ...['-kernel', machine.kernelPath, '-initrd', machine.initrdPath],
    ...['-append', PARAMETERS.join(' ')],
    ...['-chardev', `file,id=console,path=${CONSOLE_LOG}`, '-device', 'isa-serial,chardev=console'],
    ...['-chardev', `socket,id=orders,path=${ORDERS_SOCKET},server=on,wait=off`],
    ...['-device', 'isa-serial,chardev=orders'],
    ...networkArguments(machine),
    ...(needsLsi ? ['-device', `lsi53c895a,id=${LSI_BUS}`] : []),
    ...disks.flatMap((disk, index) => diskArguments(disk, { vcpus, place: placeOf(disks, index) })),
  ];
}

/** A server that works in the guest's memory is given all of it. */
function memoryArguments({ disks, memoryMib }: LabMachine): string[] {
  const machine = 'pc,dump-guest-core=off,usb=off,vmport=off';
  const size = ['-m', `size=${memoryMib}M`];
  if (!disks.some(({ source }) => source.kind === 'vhost-user'))
    return ['-machine', machine, ...size];
  const shared = `memory-backend-memfd,id=memory,size=${memoryMib}M,share=on`;
  return ['-object', shared, '-machine', `${machine},memory-backend=memory`, ...size];
}

function networkArguments({ nics }: LabMachine): string[] {
  if (nics === undefined) {
    return ['-netdev', 'user,id=net0', '-device', 'virtio-net-pci,netdev=net0,romfile='];
  }
  return nics.flatMap((nic, index) => nicArguments(nic, `net${index}`));
}

const NO_OFFLOADS = [
  ...['csum', 'gso', 'guest_csum', 'guest_tso4', 'guest_tso6'],
  ...['host_tso4', 'host_tso6', 'mrg_rxbuf'],
];

/** Several queues without vhost end QEMU 7.2 on an assertion. */
function nicArguments(nic: LabGuestNic, id: string): string[] {
  const { macAddress, tap, model, offloads, mtu } = nic;
  const queues = nic.vhost ? nic.queues : 1;
  const many = queues > 1 ? `,queues=${queues}` : '';
  const netdev = `tap,id=${id},ifname=${tap},script=no,downscript=no${many},vhost=${nic.vhost ? 'on' : 'off'}`;
  const common = `netdev=${id},mac=${macAddress},romfile=`;
  if (model === 'e1000') return ['-netdev', netdev, ...device(`e1000,${common}`)];
  const multiple = queues > 1 ? `,mq=on,vectors=${2 * queues + 2}` : '';
  const plain = offloads ? '' : NO_OFFLOADS.map((name) => `,${name}=off`).join('');
  return [
    ...['-netdev', netdev],
    ...device(`virtio-net-pci,${common},host_mtu=${mtu}${multiple}${plain}`),
  ];
}

/** How many disks of the same bus stand before it. */
function placeOf(disks: readonly LabGuestDisk[], index: number): number {
  const { bus } = disks[index]!.profile;
  return disks.slice(0, index).filter(({ profile }) => profile.bus === bus).length;
}

interface Surroundings {
  vcpus: number;
  place: number;
}

function diskArguments(disk: LabGuestDisk, surroundings: Surroundings): string[] {
  const { serial, profile } = disk;
  if (profile.bus === 'none') return [];
  if (disk.source.kind === 'vhost-user') return vhostUserArguments(disk, surroundings);
  const polling = disk.polls === false ? ',poll-max-ns=0' : '';
  const thread = profile.iothread ? ['-object', `iothread,id=io-${serial}${polling}`] : [];
  return [
    ...thread,
    ...limitArguments(disk),
    ...['-blockdev', JSON.stringify(blockNode(disk))],
    ...deviceArguments(disk, surroundings),
  ];
}

/** Without `config-wce=off` QEMU 7.2's daemon says that it writes through, does not, and is sent no flush. */
function vhostUserArguments({ serial, source, profile }: LabGuestDisk, { vcpus }: Surroundings) {
  if (source.kind !== 'vhost-user') return [];
  const queues = profile.queues === 'vcpus' ? vcpus : profile.queues;
  return [
    ...['-chardev', `socket,id=server-${serial},path=${source.socketPath}`],
    ...device(
      `vhost-user-blk-pci,chardev=server-${serial},num-queues=${queues},queue-size=${profile.queueSize},config-wce=off`,
    ),
  ];
}

function limitArguments({ serial, limit }: LabGuestDisk): string[] {
  if (limit === undefined) return [];
  const rates = `x-iops-total=${limit.iops},x-bps-total=${limit.bytesPerSecond}`;
  return ['-object', `throttle-group,id=limit-${serial},${rates}`];
}

/** Several disks of one guest lead to the same bytes, one used after the other: nobody locks them. */
export function blockNode(disk: LabGuestDisk): BlockNode {
  const { serial, limit } = disk;
  const name = `disk-${serial}`;
  if (limit === undefined) return { ...rawNode(disk), 'node-name': name };
  const group = { 'throttle-group': `limit-${serial}` };
  return { driver: 'throttle', 'node-name': name, ...group, file: rawNode(disk) };
}

type BlockNode = Readonly<Record<string, unknown>>;

function rawNode({ source, profile }: LabGuestDisk): BlockNode {
  const cache = { direct: profile.cache === 'direct' };
  const discard = profile.discard ? 'unmap' : 'ignore';
  const node = { driver: 'raw', cache, discard };
  if (source.kind === 'nbd') {
    const server = { type: 'unix', path: source.socketPath };
    const { exportName = 'disk' } = source;
    return { ...node, file: { driver: 'nbd', server, export: exportName, cache, discard } };
  }
  if (source.kind === 'vhost-user') throw new Error('QEMU has no block node of such a disk');
  const driver = source.kind === 'file' ? 'file' : 'host_device';
  const { path: filename } = source;
  return {
    ...node,
    file: { driver, filename, aio: profile.aio, cache, discard, locking: 'off' },
  };
}

function deviceArguments(
  { serial, profile }: LabGuestDisk,
  { vcpus, place }: Surroundings,
): string[] {
  const drive = `drive=disk-${serial},serial=${serial}`;
  const cache = `write-cache=${profile.cache === 'writethrough' ? 'off' : 'on'}`;
  const thread = profile.iothread ? `,iothread=io-${serial}` : '';
  const queues = `num${profile.bus === 'virtio-scsi' ? '_' : '-'}queues=${profile.queues === 'vcpus' ? vcpus : profile.queues}`;
  const size = profile.optimalIoBytes > 0 ? `,opt_io_size=${profile.optimalIoBytes}` : '';
  const disk = `${drive},${cache}${size}`;
  switch (profile.bus) {
    case 'virtio-blk':
      return device(
        `virtio-blk-pci,${disk},${queues},queue-size=${profile.queueSize}${merging(profile)}${thread}`,
      );
    case 'virtio-scsi':
      return [
        ...device(`virtio-scsi-pci,id=bus-${serial},${queues}${thread}`),
        ...device(`scsi-hd,${disk},bus=bus-${serial}.0`),
      ];
    case 'lsi53c895a':
      return device(`scsi-hd,${disk},bus=${LSI_BUS}.0,scsi-id=${place}`);
    case 'nvme':
      return device(`nvme,${disk}`);
    case 'ide':
      return device(`ide-hd,${disk},bus=ide.${place >> 1},unit=${place % 2}`);
    case 'none':
      return [];
  }
}

function merging({ mergesRequests }: DiskProfile): string {
  return `,request-merging=${mergesRequests === false ? 'off' : 'on'}`;
}

function device(text: string): string[] {
  return ['-device', text];
}
