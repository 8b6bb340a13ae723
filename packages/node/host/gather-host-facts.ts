// Owns how the facts of a host are gathered. Whatever can be tried is tried, in a network namespace of its own that
// goes away with the command, so that nothing is left behind.

import { closeSync, existsSync } from 'node:fs';
import { constants, mkdtemp, open, readFile, rm, statfs } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { KIB } from '@ironbark/core/units.ts';
import { CommandError, type Commands } from '@ironbark/platform/commands.ts';
import { readFileIfPresent, replaceFile } from '@ironbark/platform/files.ts';
import { setUpIoUring } from '@ironbark/platform/libc.ts';
import type { FilterChain, HostFacts, Probe, ProgramFact } from './host-facts.ts';
import { readHostNetworks } from './host-networks.ts';

export interface GatherOptions {
  commands: Commands;
  dataDir: string;
  /** The network of a cloud that exists already. */
  vpcCidr?: string;
}

const PROGRAMS: readonly (ProgramFact & { versionArgument: string })[] = [
  program('qemu-system-x86_64', 'qemu-system-x86', '--version', false),
  program('qemu-img', 'qemu-utils', '--version', false),
  program('qemu-storage-daemon', 'qemu-system-common', '--version', false),
  program('ip', 'iproute2', '-V', true),
  program('nft', 'nftables', '--version', true),
  program('dnsmasq', 'dnsmasq-base', '--version', true),
  program('setpriv', 'util-linux', '--version', true),
];

const PROBE_TIMEOUT_MS = 10_000;

export async function gatherHostFacts(options: GatherOptions): Promise<HostFacts> {
  const { commands, dataDir, vpcCidr } = options;
  const folder = await nearestFolder(dataDir);
  const isRoot = process.getuid?.() === 0;
  return {
    isRoot,
    ...(await probeNetwork(commands)),
    ioUring: probeIoUring(),
    directIo: await probeDirectIo(folder),
    hasVhostNet: existsSync('/dev/vhost-net'),
    hasKvmDevice: existsSync('/dev/kvm'),
    programs: await Promise.all(PROGRAMS.map((one) => findProgram(commands, one))),
    memory: parseMemory(await readFile('/proc/meminfo', 'utf8')),
    disk: await freeSpace(folder),
    filters: isRoot ? await listFilters(commands) : [],
    bridgesPassFilters: await readsOne('/proc/sys/net/bridge/bridge-nf-call-iptables'),
    networks: await readHostNetworks(commands).catch(ignoreMissing([])),
    ...(vpcCidr === undefined ? {} : { vpcCidr }),
  };
}

function program(name: string, packageName: string, versionArgument: string, rootOnly: boolean) {
  return { name, package: packageName, versionArgument, rootOnly };
}

async function findProgram(
  commands: Commands,
  { versionArgument, ...fact }: (typeof PROGRAMS)[number],
): Promise<ProgramFact> {
  const ran = await attempt(() => commands.run(fact.name, [versionArgument], limits()));
  const version = ran.value?.stdout.split('\n')[0]?.trim();
  return version === undefined ? fact : { ...fact, version };
}

async function probeNetwork(commands: Commands) {
  const table = 'add table netdev probe\n';
  const chain = 'add chain netdev probe c { type filter hook ingress device "lo" priority 0; }\n';
  return {
    tun: await probeIp(commands, 'tuntap add dev ibprobe mode tap vnet_hdr', 'taps can be made'),
    bridge: await probeIp(commands, 'link add ibprobe type bridge', 'bridges can be made'),
    nftables: await probeNft(commands, 'add table ip probe\n', 'tables can be made'),
    netdevIngress: await probeNft(commands, table + chain, 'a filter at a tap is possible'),
  };
}

function probeIp(commands: Commands, line: string, good: string): Promise<Probe> {
  return probe(good, () => inOwnNamespace(commands, ['ip', ...line.split(' ')]));
}

async function probeNft(commands: Commands, rules: string, good: string): Promise<Probe> {
  const folder = await mkdtemp(join(tmpdir(), 'ironbark-probe-'));
  try {
    const path = join(folder, 'rules.nft');
    await replaceFile(path, rules);
    return await probe(good, () => inOwnNamespace(commands, ['nft', '-f', path]));
  } finally {
    await rm(folder, { recursive: true });
  }
}

function inOwnNamespace(commands: Commands, argv: readonly string[]) {
  return commands.run('unshare', ['--net', '--', ...argv], limits());
}

function limits() {
  return { timeoutMs: PROBE_TIMEOUT_MS };
}

async function probe(good: string, work: () => unknown): Promise<Probe> {
  const { error } = await attempt(work);
  return error === undefined ? { works: true, detail: good } : { works: false, detail: error };
}

/** A probe may fail in any way that a host can; each is a finding, not an error. */
async function attempt<T>(work: () => T): Promise<{ value?: Awaited<T>; error?: string }> {
  try {
    return { value: await work() };
  } catch (error) {
    const reason = error instanceof CommandError && error.stderr !== '' ? error.stderr : error;
    return { error: (reason instanceof Error ? reason.message : String(reason)).split('\n')[0]! };
  }
}

function probeIoUring(): Probe {
  try {
    closeSync(setUpIoUring());
    return { works: true, detail: 'works' };
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return { works: false, detail: `${reason}: disks use the slower native AIO` };
  }
}

async function probeDirectIo(folder: string): Promise<Probe> {
  const path = join(folder, `.ironbark-direct-io-${process.pid}`);
  const flags = constants.O_CREAT | constants.O_EXCL | constants.O_RDWR | constants.O_DIRECT;
  try {
    return await probe(`O_DIRECT works at ${folder}`, async () =>
      (await open(path, flags)).close(),
    );
  } finally {
    await rm(path, { force: true });
  }
}

/** The data folder may not exist yet; its file system does. */
async function nearestFolder(path: string): Promise<string> {
  let folder = path;
  while (!existsSync(folder) && folder !== dirname(folder)) folder = dirname(folder);
  return folder;
}

async function freeSpace(path: string): Promise<HostFacts['disk']> {
  const { bavail, bsize } = await statfs(path);
  return { path, freeBytes: bavail * bsize };
}

export function parseMemory(meminfo: string): HostFacts['memory'] {
  const read = (key: string) => {
    const match = new RegExp(`^${key}:\\s+(\\d+) kB$`, 'm').exec(meminfo);
    return Number(match?.[1] ?? 0) * KIB;
  };
  return { totalBytes: read('MemTotal'), availableBytes: read('MemAvailable') };
}

interface ChainRecord {
  chain?: Partial<FilterChain> & { type?: string };
}

async function listFilters(commands: Commands): Promise<FilterChain[]> {
  const listed = commands.run('nft', ['-j', 'list', 'chains'], limits());
  const stdout = await listed.then((ran) => ran.stdout).catch(ignoreMissing('{"nftables":[]}'));
  return parseFilters(stdout);
}

export function parseFilters(stdout: string): FilterChain[] {
  const { nftables } = JSON.parse(stdout) as { nftables: ChainRecord[] };
  return nftables.flatMap(({ chain }) => {
    if (chain?.type !== 'filter' || !['ip', 'inet'].includes(chain.family ?? '')) return [];
    const { family = '', table = '', name = '', hook = '', policy = 'accept' } = chain;
    return [{ family, table, name, hook, policy }];
  });
}

/** A program that is missing has its own line already. */
function ignoreMissing<T>(instead: T): (error: unknown) => T {
  return (error) => {
    if (error instanceof CommandError) return instead;
    throw error;
  };
}

async function readsOne(path: string): Promise<boolean> {
  return (await readFileIfPresent(path))?.toString('utf8').trim() === '1';
}
