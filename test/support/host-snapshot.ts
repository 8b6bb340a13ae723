// Owns the proof that nothing is left: what the host has before a cloud, compared with what it has after.

import assert from 'node:assert/strict';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { systemCommands } from '@ironbark/platform/commands.ts';

export interface HostSnapshot {
  links: string[];
  rules: string[];
  mounts: string[];
  loops: string[];
  routes: string[];
  /** Command lines that name the given folder. */
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
    mounts: readFileSync('/proc/mounts', 'utf8').split('\n').sort(),
    loops: (await output('losetup', ['-a'])).split('\n').sort(),
    routes: (await output('ip', ['route'])).split('\n').sort(),
    processes: processesNaming(folder),
    sockets: readFileSync('/proc/net/unix', 'utf8')
      .split('\n')
      .filter((line) => line.includes(folder)),
    files: SHARED_FOLDERS.flatMap((parent) => list(parent))
      .filter((path) => path !== folder)
      .sort(),
    settings: SETTINGS.map((path) => `${path} = ${readFileSync(path, 'utf8').trim()}`),
  };
}

export function assertSameHost(before: HostSnapshot, after: HostSnapshot): void {
  assert.deepEqual(after, before);
}

/** Command lines of the processes that name a folder, or work in it. */
export function processesNaming(folder: string): string[] {
  return listProcesses()
    .filter(({ line, cwd }) => line.includes(folder) || cwd.startsWith(folder))
    .map(({ line }) => line);
}

/** The QEMU process of a guest. */
export function guestPid(instanceId: string): number {
  const isGuest = (line: string) => line.startsWith('qemu-system-') && line.includes(instanceId);
  const found = listProcesses().find(({ line }) => isGuest(line));
  assert.ok(found !== undefined, `no process runs ${instanceId}`);
  return found.pid;
}

function listProcesses(): { pid: number; line: string; cwd: string }[] {
  const pids = readdirSync('/proc').filter(
    (name) => /^\d+$/.test(name) && Number(name) !== process.pid,
  );
  return pids.flatMap((pid) => {
    try {
      const line = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim();
      return [{ pid: Number(pid), line, cwd: readlinkSync(`/proc/${pid}/cwd`) }];
    } catch {
      // It ended while we looked.
      return [];
    }
  });
}

function list(parent: string): string[] {
  return readdirSync(parent).map((name) => `${parent}/${name}`);
}
