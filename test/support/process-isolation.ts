// Owns what the kernel tells of a process's confinement: /proc/<pid>/{status,ns,limits,environ,fd,cgroup,root}.

import { lstatSync, readdirSync, readFileSync, readlinkSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { ENCLOSED_DEVICE } from '@ironbark/storage/drivers/volume-place.ts';

export interface ProcessIsolation {
  pid: number;
  uid: number;
  /** Any capability in any set. */
  hasCapabilities: boolean;
  noNewPrivileges: boolean;
  /** 2: a filter. */
  seccomp: number;
  /** The name spaces that it has in common with this process. */
  sharedNameSpaces: string[];
  /** Its number in its own pid name space. */
  innerPid: number;
  environment: string[];
  openFiles: string[];
  /** By the kernel's own names, such as `Max open files`. */
  limits: Map<string, string>;
  groups: string[];
  /** Files that it could find by walking from its root, but libraries. */
  visibleFiles: string[];
  /** Entries of the process table that it could find. */
  visibleProcesses: number;
}

const NAME_SPACES = ['mnt', 'pid', 'ipc', 'uts', 'net'];
const CAPABILITY_SETS = ['CapInh', 'CapPrm', 'CapEff', 'CapBnd', 'CapAmb'];
/** Shared objects and firmware: the same on every host of the distribution, and read-only. */
const COMMON_FOLDERS = new Set([
  '/usr/lib',
  '/usr/lib64',
  '/usr/local/lib',
  '/usr/share',
  '/lib',
  '/lib64',
]);
const MOST_FILES = 10_000;

export function readIsolation(pid: number): ProcessIsolation {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  const field = (name: string) => new RegExp(`^${name}:\\s*(.*)$`, 'm').exec(status)?.[1] ?? '';
  const numbers = (name: string) => field(name).split(/\s+/).map(Number);
  return {
    pid,
    uid: numbers('Uid')[0]!,
    hasCapabilities: CAPABILITY_SETS.some((set) => !/^0+$/.test(field(set))),
    noNewPrivileges: field('NoNewPrivs') === '1',
    seccomp: Number(field('Seccomp')),
    sharedNameSpaces: NAME_SPACES.filter(
      (name) => nameSpace(pid, name) === nameSpace('self', name),
    ),
    innerPid: numbers('NSpid').at(-1)!,
    environment: readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0').filter(Boolean),
    openFiles: readdirSync(`/proc/${pid}/fd`).map((fd) => nameOpenFile(`/proc/${pid}/fd/${fd}`)),
    limits: parseLimits(readFileSync(`/proc/${pid}/limits`, 'utf8')),
    groups: parseGroups(readFileSync(`/proc/${pid}/cgroup`, 'utf8')),
    visibleFiles: walk(`/proc/${pid}/root`, ''),
    visibleProcesses: list(`/proc/${pid}/root/proc`).filter((name) => /^\d+$/.test(name)).length,
  };
}

/** Null by its number: the name is one of a mount that the process no longer has. */
function nameOpenFile(path: string): string {
  const { rdev } = statSync(path);
  return rdev === NULL_DEVICE ? '/dev/null' : readlinkSync(path);
}

/** Major 1, minor 3 (kernel, admin-guide/devices). */
const NULL_DEVICE = (1 << 8) | 3;

function nameSpace(pid: number | 'self', name: string): string {
  return readlinkSync(`/proc/${pid}/ns/${name}`);
}

/** The first number of each line is the limit that is enforced. */
function parseLimits(text: string): Map<string, string> {
  const lines = text.split('\n').slice(1);
  return new Map(
    lines.flatMap((line) => {
      const [, name, value] = /^(.*?) {2,}(\S+)/.exec(line) ?? [];
      return name === undefined || value === undefined ? [] : [[name, value] as const];
    }),
  );
}

function parseGroups(text: string): string[] {
  return text.split('\n').flatMap((line) => /^\d+:[^:]*:(.+)$/.exec(line)?.[1] ?? []);
}

/** Links are not followed: inside they lead elsewhere than from here. */
function walk(root: string, path: string): string[] {
  const found: string[] = [];
  const folders = [path];
  while (folders.length > 0 && found.length < MOST_FILES) {
    const folder = folders.pop()!;
    if (COMMON_FOLDERS.has(folder)) continue;
    for (const entry of listEntries(join(root, folder))) {
      const inner = `${folder}/${entry.name}`;
      if (entry.isDirectory()) folders.push(inner);
      else if (!entry.isSymbolicLink() && !isUnusedPlace(root, inner)) found.push(inner);
    }
  }
  return found.sort();
}

/** Where a daemon has the disk that its volume lies on: an empty file, with nothing mounted there. */
function isUnusedPlace(root: string, path: string): boolean {
  if (path !== ENCLOSED_DEVICE) return false;
  const facts = lstatSync(join(root, path));
  return facts.isFile() && facts.size === 0;
}

function listEntries(folder: string) {
  return readdirSync(folder, { withFileTypes: true });
}

function list(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}
