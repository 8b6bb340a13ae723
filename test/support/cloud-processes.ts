// Owns the list of a cloud's processes as the kernel sees them: under which user and with which rights each runs, and
// on which sockets it listens.

import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { createNetworkNames } from '@ironbark/node/host/network-names.ts';
import { pidsNaming } from './host-snapshot.ts';

export interface CloudProcess {
  pid: number;
  /** The program, such as `node` or `qemu-system-x86_64`. */
  program: string;
  argv: string[];
  uid: number;
  gid: number;
  groups: number[];
  /** Names of the sets that are not empty: `CapEff`, `CapPrm`, `CapInh`, `CapAmb`. */
  capabilities: string[];
  hasNoNewPrivileges: boolean;
  hasSeccomp: boolean;
  /** Its file system begins here. */
  root: string;
  /** `127.0.0.1:8773`; IPv6 addresses stay as the kernel writes them. */
  tcp: string[];
  udp: string[];
  unix: string[];
}

/** Those that name the data folder, work in it or have a file of it open, and those of its network. */
export function listCloudProcesses(dataDir: string): CloudProcess[] {
  const { cloudId } = JSON.parse(readFileSync(join(dataDir, 'config.json'), 'utf8'));
  const runtime = join('/run/ironbark', createNetworkNames(cloudId).tag);
  const pids = new Set([...pidsNaming(dataDir), ...pidsNaming(runtime)]);
  return [...pids].flatMap((pid) => {
    try {
      return [describeProcess(pid)];
    } catch {
      // It has ended while we looked.
      return [];
    }
  });
}

/** The daemon's processes, by what they were started as: `serve`, and `controllers` with root. */
export function daemonProcess(
  processes: readonly CloudProcess[],
  mode: 'serve' | 'controllers',
): CloudProcess {
  const found = processes.find(
    ({ argv }) => argv.some((each) => each.endsWith('/daemon/main.ts')) && argv.includes(mode),
  );
  if (found === undefined) throw new Error(`no process of the daemon serves as ${mode}`);
  return found;
}

const CAPABILITY_SETS = ['CapEff', 'CapPrm', 'CapInh', 'CapAmb'];
const TCP_LISTEN = '0A';

function describeProcess(pid: number): CloudProcess {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  const field = (name: string) => new RegExp(`^${name}:[ \\t]*(.*)$`, 'm').exec(status)?.[1] ?? '';
  const number = (name: string) => Number(field(name).split(/\s/)[0]);
  const argv = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').slice(0, -1);
  const inodes = socketsOf(pid);
  return {
    pid,
    program: (argv[0] ?? '').split('/').at(-1)!,
    argv,
    uid: number('Uid'),
    gid: number('Gid'),
    groups: field('Groups').split(' ').filter(Boolean).map(Number),
    capabilities: CAPABILITY_SETS.filter((name) => !/^0*$/.test(field(name))),
    hasNoNewPrivileges: number('NoNewPrivs') === 1,
    hasSeccomp: number('Seccomp') === 2,
    root: readlinkSync(`/proc/${pid}/root`),
    tcp: ['tcp', 'tcp6'].flatMap((kind) => listInet(pid, kind, inodes, TCP_LISTEN)),
    udp: ['udp', 'udp6'].flatMap((kind) => listInet(pid, kind, inodes, undefined)),
    unix: listUnix(pid, inodes),
  };
}

function socketsOf(pid: number): Set<string> {
  const folder = `/proc/${pid}/fd`;
  const links = readdirSync(folder).map((fd) => {
    try {
      return readlinkSync(`${folder}/${fd}`);
    } catch {
      return '';
    }
  });
  return new Set(links.flatMap((link) => /^socket:\[(\d+)\]$/.exec(link)?.[1] ?? []));
}

/** Columns of /proc/net/tcp: number, local address, remote one, state, ..., inode as the tenth. */
function listInet(
  pid: number,
  kind: string,
  inodes: ReadonlySet<string>,
  state: string | undefined,
): string[] {
  const rows = readFileSync(`/proc/${pid}/net/${kind}`, 'utf8').trim().split('\n').slice(1);
  return rows.flatMap((row) => {
    const columns = row.trim().split(/\s+/);
    const isAsked = state === undefined || columns[3] === state;
    return isAsked && inodes.has(columns[9]!) ? [renderAddress(columns[1]!)] : [];
  });
}

/** `0100007F:2245` is 127.0.0.1:8773 on a little-endian host. */
function renderAddress(text: string): string {
  const [address, port] = text.split(':') as [string, string];
  const isV4 = address.length === 8;
  const host = isV4 ? [...Buffer.from(address, 'hex')].reverse().join('.') : address;
  return `${host}:${Number.parseInt(port, 16)}`;
}

const UNIX_LISTENS = '00010000';

/** Columns of /proc/net/unix: ..., flags as the fourth, ..., inode as the seventh, path. */
function listUnix(pid: number, inodes: ReadonlySet<string>): string[] {
  const rows = readFileSync(`/proc/${pid}/net/unix`, 'utf8').trim().split('\n').slice(1);
  return rows.flatMap((row) => {
    const [, , , flags, , , inode, path] = row.trim().split(/\s+/);
    return flags === UNIX_LISTENS && inodes.has(inode!) && path !== undefined ? [path] : [];
  });
}
