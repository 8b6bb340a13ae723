// Owns the dnsmasq process of a subnet: started detached so that leases and names outlive the daemon, found again
// by its arguments, started anew when they, the bridge or its tables have changed.
//
// It is never told to read its tables again by SIGHUP: Debian 12's 2.90-4~deb12u2 frees the old DHCP tables wrongly
// then and dies, so that every second guest of a subnet stayed without an address. A start takes some 30 ms, and
// nothing is lost by it: leases are the cloud's, and clients ask again.

import { closeSync, openSync } from 'node:fs';
import { mkdir, readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { SubnetId } from '@ironbark/core/ids.ts';
import { type Clock, waitFor } from '@ironbark/platform/clock.ts';
import type { Commands } from '@ironbark/platform/commands.ts';
import { readFileIfPresent, replaceFile } from '@ironbark/platform/files.ts';
import {
  endProcess,
  findProcess,
  findProcesses,
  type HostProcess,
  readProcess,
} from '@ironbark/platform/processes.ts';
import {
  type AddressService,
  type DnsmasqPaths,
  renderArguments,
  renderLeases,
  renderNames,
  renderOptions,
} from './dnsmasq-config.ts';
import type { PortRecord } from './port-records.ts';

export interface DnsmasqContext {
  commands: Commands;
  clock: Clock;
  /** World-readable: dnsmasq reads it as a user of its own. */
  directory: string;
}

export interface DnsmasqSpec extends AddressService {
  /** Changes when the bridge is made anew; sockets on the old one are deaf. */
  bridgeIndex: number;
  /** All ports of the cloud, for their names. */
  ports: readonly PortRecord[];
  domains: readonly string[];
}

const START_TIMEOUT_MS = 5_000;
const STOP_GRACE_MS = 2_000;
const PUBLIC_FILE = { mode: 0o644 };
/** Debian's dnsmasq-base makes the first; the second exists everywhere. */
const USERS = ['dnsmasq', 'nobody'];

export async function ensureDnsmasq(context: DnsmasqContext, spec: DnsmasqSpec): Promise<void> {
  const directory = subnetDirectory(context, spec.subnet.id);
  await mkdir(directory, { recursive: true, mode: 0o755 });
  const paths = pathsOf(directory);
  const hasChanged = await writeTables(paths, spec);
  const argv = renderArguments(spec, paths, await chooseUser());
  const startedWith = JSON.stringify({ argv, bridgeIndex: spec.bridgeIndex });
  const running = await findDnsmasq(paths.pid);
  const isCurrent = (await readText(join(directory, 'started-with'))) === startedWith;
  if (running !== undefined && isCurrent && !hasChanged) return;
  if (running !== undefined) await end(context, running);
  await start(context, directory, argv, paths.pid);
  await replaceFile(join(directory, 'started-with'), startedWith, PUBLIC_FILE);
}

/** Ends the process and removes its files; a subnet that has none is fine. */
export async function removeDnsmasq(context: DnsmasqContext, id: SubnetId): Promise<void> {
  const directory = subnetDirectory(context, id);
  const running = await findDnsmasq(pathsOf(directory).pid);
  if (running !== undefined) await end(context, running);
  await rm(directory, { recursive: true, force: true });
}

/** Subnets that have or had a dnsmasq. */
export async function listDnsmasq({ directory }: DnsmasqContext): Promise<SubnetId[]> {
  const names = await readdir(directory);
  return names.filter((name): name is SubnetId => name.startsWith('subnet-'));
}

/** Ends every dnsmasq of the cloud, also those whose files are lost. */
export async function endEveryDnsmasq(context: DnsmasqContext): Promise<void> {
  const ours = `--pid-file=${context.directory}/`;
  const running = await findProcesses((argument) => argument.startsWith(ours));
  await Promise.all(running.map((one) => end(context, one)));
}

function subnetDirectory({ directory }: DnsmasqContext, id: SubnetId): string {
  return join(directory, id);
}

function pathsOf(directory: string): DnsmasqPaths {
  return {
    pid: join(directory, 'dnsmasq.pid'),
    leases: join(directory, 'leases'),
    options: join(directory, 'options'),
    names: join(directory, 'names'),
  };
}

/** True when dnsmasq has something new to read. */
async function writeTables(paths: DnsmasqPaths, spec: DnsmasqSpec): Promise<boolean> {
  const own = spec.ports.filter(({ subnetId }) => subnetId === spec.subnet.id);
  const tables: [string, string][] = [
    [paths.options, renderOptions(own)],
    [paths.names, renderNames(spec.ports, spec.domains)],
    [paths.leases, renderLeases(own, spec.ipv6?.leases)],
  ];
  let hasChanged = false;
  for (const [path, text] of tables) {
    if ((await readText(path)) === text) continue;
    await replaceFile(path, text, PUBLIC_FILE);
    hasChanged = true;
  }
  return hasChanged;
}

async function readText(path: string): Promise<string | undefined> {
  return (await readFileIfPresent(path))?.toString('utf8');
}

/** By its pid file, and where that is lost by looking at every process. */
async function findDnsmasq(pidPath: string): Promise<HostProcess | undefined> {
  const argument = `--pid-file=${pidPath}`;
  const pid = Number(await readText(pidPath));
  const known = pid > 0 ? await readProcess(pid) : undefined;
  if (known?.argv.includes(argument) === true) return known;
  return (await findProcesses((one) => one === argument))[0];
}

function end(context: DnsmasqContext, running: HostProcess): Promise<void> {
  return endProcess(running, { clock: context.clock, graceMs: STOP_GRACE_MS });
}

async function start(
  context: DnsmasqContext,
  directory: string,
  argv: readonly string[],
  pidPath: string,
): Promise<void> {
  const logPath = join(directory, 'dnsmasq.log');
  const log = openSync(logPath, 'w', 0o644);
  let pid: number;
  try {
    const stdio = ['ignore', 'ignore', log] as const;
    ({ pid } = await context.commands.startDetached('dnsmasq', argv, { stdio }));
  } finally {
    closeSync(log);
  }
  // It writes its pid once its sockets are bound and its tables are read.
  const isReady = async () => {
    // Between two programs, as `ip netns exec` and what it becomes, a process has no arguments to be known by.
    if ((await findProcess(pid)) === undefined) throw await failedStart(logPath);
    return Number(await readText(pidPath)) === pid;
  };
  const what = 'start of dnsmasq';
  await waitFor(isReady, {
    clock: context.clock,
    timeoutMs: START_TIMEOUT_MS,
    what,
    intervalMs: 10,
  });
}

async function failedStart(logPath: string): Promise<Error> {
  const said = (await readText(logPath))?.trim();
  return new Error(`dnsmasq ended at its start${said ? `: ${said}` : ''}`);
}

async function chooseUser(): Promise<string> {
  const accounts = await readFile('/etc/passwd', 'utf8');
  const isThere = (user: string) => accounts.split('\n').some((l) => l.startsWith(`${user}:`));
  const user = USERS.find(isThere);
  if (user === undefined) throw new Error(`dnsmasq: the host has none of the users ${USERS}`);
  return user;
}
