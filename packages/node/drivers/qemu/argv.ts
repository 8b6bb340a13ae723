// Owns QEMU's command line: pure functions from a guest's specification to a list of arguments.
//
// QEMU runs in the guest's `run` folder as the guest's user, so all names are relative to it: sockets in the
// folder itself, the disk and the kernel one level up, where the guest's user cannot replace them.

import type { VolumeId } from '@ironbark/core/ids.ts';
import type { AioEngine, DiskProfile } from '@ironbark/core/io-profile.ts';
import { EMULATED_CPU } from '@ironbark/platform/emulated-cpu.ts';
import type { BlockExport } from '@ironbark/protocol/internal/instance-messages.ts';
import type { GuestNic, GuestSpec } from '../hypervisor-driver.ts';

export const QEMU = 'qemu-system-x86_64';
export const QMP_SOCKET = 'qmp.sock';
export const CONSOLE_CHARDEV = 'console0';
/** The ring in QEMU's memory that holds the newest console output; QEMU wants a power of two. */
export const CONSOLE_RING_BYTES = 128 * 1024;

export type Accelerator = 'kvm' | 'tcg';

/** How files can be opened on this host, as found by trying. */
export interface DiskEngine {
  aio: AioEngine;
  direct: boolean;
  /** What suits the host's own disk best; absent where nobody has measured it: the profile's. */
  optimalIoBytes?: number;
}

/** A tap's file descriptors as QEMU inherits them. */
export interface InheritedTap {
  fds: readonly number[];
  vhostFds: readonly number[];
}

export interface MachineOptions {
  accelerator: Accelerator;
  /** By interface id; absent for ports that are no taps. */
  taps: ReadonlyMap<string, InheritedTap>;
  /** The guest's own name for the socket of its root disk's target; of a disk that is a volume. */
  rootSocket?: string;
}

type Value = string | number | boolean;

/** `kind,key=value,...` with QEMU's doubling of commas. */
export function renderOption(kind: string, values: Readonly<Record<string, Value | undefined>>) {
  const parts = kind === '' ? [] : [kind];
  for (const [key, value] of Object.entries(values)) {
    if (value !== undefined) parts.push(`${key}=${renderValue(value)}`);
  }
  return parts.join(',');
}

function renderValue(value: Value): string {
  if (typeof value === 'boolean') return value ? 'on' : 'off';
  return String(value).replaceAll(',', ',,');
}

/** A virtio-blk serial holds 20 bytes, so a volume's id loses its dash, as in EC2's NVMe serials. */
export function guestSerial(serial: string): string {
  return serial.replace('-', '');
}

export function renderArguments(spec: GuestSpec, options: MachineOptions): string[] {
  return [
    ...renderMachine(spec, options.accelerator),
    ...renderSmbios(spec),
    ...renderMonitors(),
    ...renderBoot(spec),
    ...renderRootDisk(spec, options),
    ...spec.nics.flatMap((nic) => renderNic(nic, options.taps.get(nic.id))),
    '-object',
    'rng-builtin,id=rng0',
    '-device',
    'virtio-rng-pci,rng=rng0',
  ];
}

/** Everything that a guest does not need is off. `-no-shutdown` keeps a guest that powered off for its end to be seen. */
function renderMachine(spec: GuestSpec, accelerator: Accelerator): string[] {
  const machine = { 'dump-guest-core': false, usb: false, vmport: false };
  const topology = { cpus: spec.vcpus, sockets: 1, cores: spec.vcpus, threads: 1 };
  return [
    // Threads with names: who looks at a host's processors sees which are the guest's own.
    ...[
      '-name',
      renderOption(spec.id, { 'debug-threads': true }),
      '-nodefaults',
      '-no-user-config',
      '-display',
      'none',
      '-no-shutdown',
    ],
    ...['-machine', renderOption('pc', machine)],
    ...renderAccelerator(accelerator),
    ...['-smp', renderOption('', topology), '-m', `size=${spec.memoryMib}M`],
    ...['-rtc', 'base=utc', '-msg', 'timestamp=on'],
    ...['-sandbox', SANDBOX],
  ];
}

/** QEMU ends at once with SIGSYS on any system call that this forbids. */
export const SANDBOX = 'on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny';

export function renderAccelerator(accelerator: Accelerator): string[] {
  return accelerator === 'kvm'
    ? ['-accel', 'kvm', '-cpu', 'host']
    : ['-accel', 'tcg,thread=multi', '-cpu', EMULATED_CPU];
}

/** cloud-init takes a machine for EC2 when UUID and serial are equal and start with `ec2`. */
function renderSmbios(spec: GuestSpec): string[] {
  const vendor = 'Amazon EC2';
  const tables = [
    renderOption('type=0', { vendor, version: '1.0' }),
    renderOption('type=1', {
      manufacturer: vendor,
      product: vendor,
      serial: spec.uuid,
      uuid: spec.uuid,
    }),
    renderOption('type=2', { manufacturer: vendor, asset: spec.id }),
    renderOption('type=3', { manufacturer: vendor, asset: spec.id }),
  ];
  return tables.flatMap((table) => ['-smbios', table]);
}

/**
 * The console goes to a ring in QEMU's own memory: a guest can write for ever without using a disk, and the
 * newest output waits there while the node's daemon is away.
 */
function renderMonitors(): string[] {
  const qmp = { id: 'qmp0', path: QMP_SOCKET, server: true, wait: false };
  return [
    ...['-chardev', renderOption('socket', qmp), '-mon', 'chardev=qmp0,mode=control'],
    '-chardev',
    renderOption('ringbuf', { id: CONSOLE_CHARDEV, size: CONSOLE_RING_BYTES }),
    ...['-device', `isa-serial,chardev=${CONSOLE_CHARDEV}`],
  ];
}

function renderBoot(spec: GuestSpec): string[] {
  if (spec.boot.kind === 'firmware') return [];
  const initrd = spec.boot.initrdPath === undefined ? [] : ['-initrd', spec.boot.initrdPath];
  return ['-kernel', spec.boot.kernelPath, ...initrd, '-append', kernelParameters(spec)];
}

function kernelParameters(spec: GuestSpec): string {
  const parameters = spec.boot.kind === 'kernel' ? spec.boot.parameters : '';
  const urls = spec.nics.flatMap(({ port }) => (port.kind === 'user' ? [port.metadataUrl] : []));
  const metadata = urls.map((url) => `ironbark.metadata=${url}`);
  return [parameters, ...nameRoot(spec), ...metadata].join(' ').trim();
}

/** Our initrd knows a root disk by its serial: `root`, or this one. */
function nameRoot({ rootDisk: { serial, source } }: GuestSpec): string[] {
  return source.kind === 'file' ? [] : [`ironbark.root=${guestSerial(serial)}`];
}

/** Disks and their parts have names that follow from the serial: `root` or a volume id. */
export function diskNames(serial: string) {
  return { node: serial, device: `disk-${serial}`, iothread: `io-${serial}` };
}

export type DiskSerial = 'root' | VolumeId;

function renderRootDisk(spec: GuestSpec, { rootSocket = '' }: MachineOptions): string[] {
  const { serial, source, profile } = spec.rootDisk;
  const names = diskNames(serial);
  const nodes =
    source.kind === 'file'
      ? renderFileNodes(source.path, profile)
      : [
          '-blockdev',
          JSON.stringify(exportNode(serial, source, { profile, socketPath: rootSocket })),
        ];
  const iothread = profile.iothread
    ? ['-object', renderOption('iothread', { id: names.iothread })]
    : [];
  const { driver, ...properties } = diskDevice(serial, profile);
  // A kernel that QEMU loads is first in the order already.
  const order = spec.boot.kind === 'firmware' ? { bootindex: 0 } : {};
  return [...iothread, ...nodes, ...['-device', renderOption(driver, { ...properties, ...order })]];
}

/** Always as it is: a header that a guest writes to its disk is bytes of the guest's. */
function renderFileNodes(filename: string, profile: DiskProfile): string[] {
  const file = {
    driver: 'file',
    filename,
    'node-name': 'root-file',
    aio: profile.aio,
    'cache.direct': profile.cache === 'direct',
    discard: profile.discard ? 'unmap' : 'ignore',
  };
  const { node } = diskNames('root');
  const raw = { driver: 'raw', file: 'root-file', 'node-name': node, discard: file.discard };
  return ['-blockdev', renderOption('', file), '-blockdev', renderOption('', raw)];
}

/**
 * A write for which the host has no room pauses the guest, which goes on where it stood once there is; any other
 * error reaches the guest, as a disk's own would.
 */
const ON_ERROR = { werror: 'enospc', rerror: 'report' };

/** The device as `-device` and QMP's device_add take it. `profile` must be what the host can really do. */
export function diskDevice(serial: string, profile: DiskProfile) {
  const names = diskNames(serial);
  return {
    driver: 'virtio-blk-pci',
    id: names.device,
    drive: names.node,
    serial: guestSerial(serial),
    ...(profile.iothread ? { iothread: names.iothread } : {}),
    'num-queues': Number(profile.queues),
    'queue-size': profile.queueSize,
    'request-merging': profile.mergesRequests === false ? 'off' : 'on',
    ...ON_ERROR,
    ...(profile.optimalIoBytes > 0 ? { opt_io_size: profile.optimalIoBytes } : {}),
    'write-cache': profile.cache === 'writethrough' ? 'off' : 'on',
  };
}

/**
 * Requests wait this long for a block target that comes back before the guest sees an error: a day, so that a
 * person finds and mends a cloud that broke at night. A guest that waits goes on as if nothing had been; one that
 * sees an error makes its file system read-only and loses what it had not written. For the same reason EBS asks for
 * the longest I/O timeout that a guest can set (EBS user guide, "NVMe I/O operation timeout"). It has an end, so
 * that a volume whose storage is lost for good ends in errors and not in a guest that hangs for ever.
 */
const RECONNECT_DELAY_S = 24 * 60 * 60;
/**
 * QEMU 7.2 stands still, with its guest, while it opens a network block device: a target that hangs must not hold
 * it for longer than this. Shorter than the wait for its answer.
 */
const OPEN_TIMEOUT_S = 2;

/** The network block device as QMP's blockdev-add takes it. `socketPath` is the guest's own name for the socket. */
export function exportNode(
  serial: string,
  source: BlockExport,
  options: { profile: DiskProfile; socketPath: string },
) {
  // What a node takes in leads to a socket of its own (instance-checks.ts).
  if (source.kind === 'nbd-gate') throw new Error('a gate is no place to open a volume at');
  const server =
    source.kind === 'nbd-unix'
      ? { type: 'unix', path: options.socketPath }
      : { type: 'inet', host: source.host, port: String(source.port) };
  return {
    driver: 'nbd',
    'node-name': diskNames(serial).node,
    server,
    export: source.exportName,
    'reconnect-delay': RECONNECT_DELAY_S,
    'open-timeout': OPEN_TIMEOUT_S,
    cache: { direct: options.profile.cache === 'direct' },
    discard: options.profile.discard ? 'unmap' : 'ignore',
  };
}

function renderNic(nic: GuestNic, tap: InheritedTap | undefined): string[] {
  const { driver, ...device } = nicDevice(nic, tap === undefined ? 1 : tap.fds.length);
  return ['-netdev', renderNetdev(nic, tap), '-device', renderOption(driver, device)];
}

export function nicName(id: string): string {
  return `nic-${id}`;
}

export function netdevName(id: string): string {
  return `net-${id}`;
}

/** The device as `-device` and QMP's device_add take it. */
export function nicDevice(nic: GuestNic, queues: number) {
  return {
    driver: 'virtio-net-pci',
    id: nicName(nic.id),
    netdev: netdevName(nic.id),
    mac: nic.macAddress,
    // An empty option ROM: no network boot, and a faster start.
    romfile: '',
    ...renderMtu(nic),
    // One interrupt for each direction of each queue pair, one for control, one for configuration.
    ...(queues > 1 ? { mq: true, vectors: 2 * queues + 2 } : {}),
    ...(nic.profile.offloads ? {} : OFFLOADS_OFF),
  };
}

/** Without it a guest begins with the usual size and may choose a larger one; with it that is the largest. */
function renderMtu({ port }: GuestNic): { host_mtu?: number } {
  return port.kind === 'tap' && port.mtu !== USUAL_MTU ? { host_mtu: port.mtu } : {};
}

const USUAL_MTU = 1_500;
const OFFLOADS_OFF = {
  csum: false,
  gso: false,
  guest_csum: false,
  guest_tso4: false,
  guest_tso6: false,
  host_tso4: false,
  host_tso6: false,
  mrg_rxbuf: false,
};

/** What QEMU knows a tap's descriptors by: numbers that it inherited, or names by which it got them. */
export interface TapNames {
  readonly fds: readonly (number | string)[];
  readonly vhostFds: readonly (number | string)[];
}

function renderNetdev(nic: GuestNic, tap: TapNames | undefined): string {
  const { type, hostfwd, ...values } = netdevParameters(nic, tap);
  const forward = hostfwd === undefined ? {} : { hostfwd: hostfwd[0]!.str };
  return renderOption(type, { ...values, ...forward });
}

type Netdev = {
  type: 'user' | 'tap';
  id: string;
  hostfwd?: { str: string }[];
  fds?: string;
  vhost?: boolean;
  vhostfds?: string;
};

/** As QMP's netdev_add takes it. */
export function netdevParameters(nic: GuestNic, tap: TapNames | undefined): Netdev {
  const id = netdevName(nic.id);
  if (nic.port.kind === 'user') {
    return { type: 'user', id, hostfwd: [{ str: `tcp:127.0.0.1:${nic.port.sshPort}-:22` }] };
  }
  if (tap === undefined) throw new Error(`no tap was opened for ${nic.id}`);
  // A vhost descriptor for each queue, or none: QEMU 7.2 ends on an assertion when a tap has several queues
  // and no vhost.
  const vhost = tap.vhostFds.length > 0 ? { vhost: true, vhostfds: tap.vhostFds.join(':') } : {};
  if (tap.fds.length > 1 && tap.vhostFds.length !== tap.fds.length) {
    throw new Error(`${nic.id}: several queues need vhost`);
  }
  return { type: 'tap', id, fds: tap.fds.join(':'), ...vhost };
}
