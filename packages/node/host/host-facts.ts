// Owns what `doctor` says of a host: facts that were gathered become checks, each with what to do. Pure.
// That the accelerator works is proven elsewhere, by running a guest; here its device is only looked for.

import { GIB, renderBytes } from '@ironbark/core/units.ts';
import { chooseVpcCidr, describeClash, findClash } from './choose-cidr.ts';
import type { HostNetworkRange } from './host-networks.ts';
import { isAnyCloudWay } from './network-names.ts';

export interface HostCheck {
  name: string;
  /** `warn`: it works, but something is lost. */
  status: 'ok' | 'warn' | 'fail';
  detail: string;
  /** What to do; empty when there is nothing to do. */
  fix: string;
}

/** Whether something was tried and worked, and what was seen. */
export interface Probe {
  works: boolean;
  detail: string;
}

export interface ProgramFact {
  name: string;
  /** The Debian package that brings it. */
  package: string;
  /** Only a node that is root needs it. */
  rootOnly: boolean;
  /** The first line that it prints of itself; absent when it is not there. */
  version?: string;
}

export interface FilterChain {
  family: string;
  table: string;
  name: string;
  hook: string;
  policy: string;
}

export interface HostFacts {
  isRoot: boolean;
  tun: Probe;
  bridge: Probe;
  nftables: Probe;
  netdevIngress: Probe;
  ioUring: Probe;
  directIo: Probe;
  hasVhostNet: boolean;
  hasKvmDevice: boolean;
  programs: ProgramFact[];
  memory: { totalBytes: number; availableBytes: number };
  disk: { path: string; freeBytes: number };
  /** Base chains of packet filters on the host. */
  filters: FilterChain[];
  bridgesPassFilters: boolean;
  networks: HostNetworkRange[];
  /** The network of a cloud that exists already. */
  vpcCidr?: string;
}

/** One micro guest with QEMU's own needs, and the services. */
const MIN_MEMORY_BYTES = GIB;
const LOW_MEMORY_BYTES = 2 * GIB;
/** The micro image, one root disk, the database. */
const MIN_DISK_BYTES = 2 * GIB;
const LOW_DISK_BYTES = 10 * GIB;

export function evaluateHost(facts: HostFacts): HostCheck[] {
  return [
    rootCheck(facts),
    ...networkChecks(facts),
    ...facts.programs.map((program) => programCheck(program, facts.isRoot)),
    kvmCheck(facts),
    vhostCheck(facts),
    probeCheck('io_uring', facts.ioUring, 'warn', 'sysctl -w kernel.io_uring_disabled=0'),
    directIoCheck(facts),
    memoryCheck(facts),
    diskCheck(facts),
    ...filterChecks(facts),
    cidrCheck(facts),
  ];
}

function check(name: string, status: HostCheck['status'], detail: string, fix = ''): HostCheck {
  return { name, status, detail, fix: status === 'ok' ? '' : fix };
}

function rootCheck({ isRoot }: HostFacts): HostCheck {
  if (isRoot) return check('root', 'ok', 'runs as root');
  const lost = 'not root: user-mode networking, guests do not reach each other, no ping, slower';
  return check('root', 'warn', lost, 'run it with sudo');
}

function probeCheck(name: string, probe: Probe, bad: 'warn' | 'fail', fix: string): HostCheck {
  return check(name, probe.works ? 'ok' : bad, probe.detail, fix);
}

/** A user's network needs none of these. */
function networkChecks({ isRoot, ...facts }: HostFacts): HostCheck[] {
  if (!isRoot) return [];
  return [
    probeCheck('tun', facts.tun, 'fail', 'modprobe tun'),
    probeCheck('bridge', facts.bridge, 'fail', 'modprobe bridge'),
    probeCheck('nftables', facts.nftables, 'fail', 'apt-get install nftables; modprobe nf_tables'),
    probeCheck(
      'netdev-ingress',
      facts.netdevIngress,
      'fail',
      'use a kernel with CONFIG_NETFILTER_INGRESS; Debian has it',
    ),
  ];
}

function programCheck(program: ProgramFact, isRoot: boolean): HostCheck {
  if (program.version !== undefined) return check(program.name, 'ok', program.version);
  const isNeeded = isRoot || !program.rootOnly;
  const detail = isNeeded ? 'not found' : 'not found; only a node that is root needs it';
  return check(
    program.name,
    isNeeded ? 'fail' : 'warn',
    detail,
    `apt-get install ${program.package}`,
  );
}

function kvmCheck({ hasKvmDevice }: HostFacts): HostCheck {
  if (hasKvmDevice) return check('kvm-device', 'ok', '/dev/kvm is there');
  const fix = 'switch on virtualisation in the firmware, or nesting in the outer hypervisor';
  return check('kvm-device', 'warn', 'no /dev/kvm: guests are emulated, many times slower', fix);
}

function vhostCheck({ hasVhostNet, isRoot }: HostFacts): HostCheck {
  if (hasVhostNet) return check('vhost-net', 'ok', '/dev/vhost-net is there');
  const detail = 'no /dev/vhost-net: a NIC has one queue, and QEMU moves its packets';
  return check('vhost-net', isRoot ? 'warn' : 'ok', detail, 'modprobe vhost_net');
}

function directIoCheck({ directIo }: HostFacts): HostCheck {
  const fix = 'put the data folder on ext4 or XFS';
  return probeCheck('direct-io', directIo, 'fail', fix);
}

function memoryCheck({ memory: { totalBytes, availableBytes } }: HostFacts): HostCheck {
  const detail = `${renderBytes(availableBytes)} of ${renderBytes(totalBytes)} available`;
  const status = levelOf(availableBytes, MIN_MEMORY_BYTES, LOW_MEMORY_BYTES);
  return check('memory', status, detail, 'end something, or add memory; guests need theirs whole');
}

function diskCheck({ disk: { path, freeBytes } }: HostFacts): HostCheck {
  const status = levelOf(freeBytes, MIN_DISK_BYTES, LOW_DISK_BYTES);
  const fix = 'free some, or choose another folder with --data-dir';
  return check('disk', status, `${renderBytes(freeBytes)} free at ${path}`, fix);
}

function levelOf(value: number, min: number, low: number): HostCheck['status'] {
  if (value < min) return 'fail';
  return value < low ? 'warn' : 'ok';
}

/** Our own accept does not overrule somebody else's drop, so the host has to let the bridges through. */
function filterChecks({ filters, isRoot, bridgesPassFilters }: HostFacts): HostCheck[] {
  if (!isRoot) return [];
  const closed = filters.filter(
    ({ policy, hook, table }) =>
      policy === 'drop' && ['input', 'forward'].includes(hook) && !table.startsWith('ironbark_'),
  );
  const checks = closed.map(filterCheck);
  if (closed.length === 0) {
    checks.push(check('firewall', 'ok', 'no other table drops what guests send by its policy'));
  }
  if (bridgesPassFilters) {
    const detail =
      'bridged frames pass the IP filters (bridge-nf-call-iptables), which costs speed; Kubernetes needs it';
    checks.push(
      check('bridge-nf', 'warn', detail, 'sysctl -w net.bridge.bridge-nf-call-iptables=0'),
    );
  }
  return checks;
}

function filterCheck({ family, table, name, hook }: FilterChain): HostCheck {
  const chain = `${family} ${table} ${name}`;
  const loses =
    hook === 'forward' ? 'guests may not reach the world' : 'guests may get no address or metadata';
  const rule = (key: string) => `nft insert rule ${chain} ${key} "ib*" accept`;
  const fix = hook === 'forward' ? `${rule('iifname')}; ${rule('oifname')}` : rule('iifname');
  return check(`firewall-${hook}`, 'warn', `${chain} drops by its policy: ${loses}`, fix);
}

function cidrCheck({ networks, vpcCidr }: HostFacts): HostCheck {
  const fix = 'take a network off the host, or give the cloud another one';
  if (vpcCidr !== undefined) {
    const clash = findClash(vpcCidr, networks, isAnyCloudWay);
    if (clash === undefined) return check('vpc-network', 'ok', `${vpcCidr} is the cloud's alone`);
    return check('vpc-network', 'fail', describeClash(vpcCidr, clash), fix);
  }
  const chosen = chooseVpcCidr(networks);
  if (chosen !== undefined) return check('vpc-network', 'ok', `${chosen} is free`);
  return check('vpc-network', 'fail', 'every private network is in use on this host', fix);
}
