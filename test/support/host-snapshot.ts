// Owns the proof that nothing is left: what the host has before a cloud, compared with what it has after.

import assert from 'node:assert/strict';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { systemCommands } from '@ironbark/platform/commands.ts';
import { NAMESPACE_DIRECTORY } from '@ironbark/platform/network-namespace.ts';

export interface HostSnapshot {
  links: string[];
  rules: string[];
  mounts: string[];
  loops: string[];
  routes: string[];
  /** Of the given folder, and the address services of bridges. */
  processes: string[];
  /** Bound sockets by path that lie in the given folder. */
  sockets: string[];
  files: string[];
  settings: string[];
}

/** Where a careless program leaves files; `/tmp` is everybody's, so only names that are ours count there. */
const SHARED_FOLDERS = ['/run', '/var/run', '/var/lib', '/etc', '/var/tmp'];
const SETTINGS = ['/proc/sys/net/ipv4/ip_forward', '/proc/sys/net/ipv4/conf/all/forwarding'];

export async function snapshotHost(folder: string): Promise<HostSnapshot> {
  const output = async (file: string, args: string[]) =>
    (await systemCommands.run(file, args)).stdout;
  const links = JSON.parse(await output('ip', ['-j', 'link'])) as { ifname: string }[];
  return {
    links: links.map((link) => link.ifname).sort(),
    rules: (await output('nft', ['list', 'tables'])).split('\n').sort(),
    mounts: readFileSync('/proc/mounts', 'utf8').split('\n').filter(isNotOfIproute).sort(),
    loops: (await output('losetup', ['-a'])).split('\n').sort(),
    routes: (await output('ip', ['route'])).split('\n').sort(),
    processes: [...processesNaming(folder), ...processesNaming('/run/ironbark')].sort(),
    sockets: socketsIn(folder),
    files: SHARED_FOLDERS.flatMap((parent) => list(parent))
      .filter((path) => path !== folder && path !== NAMESPACE_DIRECTORY)
      .sort(),
    settings: SETTINGS.map((path) => `${path} = ${readFileSync(path, 'utf8').trim()}`),
  };
}

/** `ip` makes the folder of name spaces a mount of its own, once and for all of them. */
function isNotOfIproute(mount: string): boolean {
  return mount.split(' ')[1] !== NAMESPACE_DIRECTORY;
}

/** Bound sockets by path that lie in a folder. */
export function socketsIn(folder: string): string[] {
  const sockets = readFileSync('/proc/net/unix', 'utf8').split('\n');
  return sockets.filter((line) => line.includes(folder));
}

export function assertSameHost(before: HostSnapshot, after: HostSnapshot): void {
  assert.deepEqual(after, before);
}

/** Command lines of the processes that name a folder, work in it, or have a file of it open. */
export function processesNaming(folder: string): string[] {
  return pidsNaming(folder).map((pid) => commandLine(String(pid)));
}

export function pidsNaming(folder: string): number[] {
  return otherPids()
    .filter((pid) => hasToDoWith(pid, folder))
    .map(Number);
}

/** For what a test has left running in a folder of its own. */
export function killProcessesNaming(folder: string): void {
  for (const pid of otherPids().filter((each) => hasToDoWith(each, folder))) {
    orNothing(() => process.kill(Number(pid), 'SIGKILL'), true);
  }
}

/** The QEMU process of a guest. */
export function guestPid(instanceId: string): number {
  const isGuest = (line: string) => line.startsWith('qemu-system-') && line.includes(instanceId);
  const found = otherPids().find((pid) => isGuest(commandLine(pid)));
  assert.ok(found !== undefined, `no process runs ${instanceId}`);
  return Number(found);
}

function otherPids(): string[] {
  return readdirSync('/proc').filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid);
}

function hasToDoWith(pid: string, folder: string): boolean {
  if (commandLine(pid).includes(folder)) return true;
  const inside = (path: string) => path === folder || path.startsWith(`${folder}/`);
  return inside(linkOf(`/proc/${pid}/cwd`)) || openFiles(pid).some(inside);
}

function commandLine(pid: string): string {
  return orNothing(
    () => readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim(),
    '',
  );
}

function openFiles(pid: string): string[] {
  const folder = `/proc/${pid}/fd`;
  return orNothing(() => readdirSync(folder), []).map((fd) => linkOf(`${folder}/${fd}`));
}

function linkOf(path: string): string {
  return orNothing(() => readlinkSync(path), '');
}

/** A process may end while we look. */
function orNothing<T>(look: () => T, nothing: T): T {
  try {
    return look();
  } catch {
    return nothing;
  }
}

function list(parent: string): string[] {
  return readdirSync(parent).map((name) => `${parent}/${name}`);
}
