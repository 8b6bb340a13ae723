// Owns what a power-cut disk has on the host: the names in its folder, and how mounts, the loop device and the
// processes that still use them are taken down.

import { readdir, readFile, readlink } from 'node:fs/promises';
import { join } from 'node:path';
import { systemClock, TimeoutError, waitFor } from '@ironbark/platform/clock.ts';
import { systemCommands } from '@ironbark/platform/commands.ts';

export interface DiskPaths {
  folder: string;
  /** What has been flushed. */
  image: string;
  socket: string;
  /** The disk as a file, by FUSE. */
  fuseFile: string;
  mount: string;
}

/** Of the disk `name` in the folder of its host. */
export function diskPaths(host: string, name: string): DiskPaths {
  const folder = join(host, name);
  return {
    folder,
    image: join(folder, 'image'),
    socket: join(folder, 'nbd.sock'),
    fuseFile: join(folder, 'disk'),
    mount: join(folder, 'mount'),
  };
}

/** A process that was killed needs a moment to let go. */
const BUSY_TIMEOUT_MS = 5_000;
const POLL_MS = 5;

/** Unmounts what is there, from the top down. What uses the file system is killed. */
export async function tearDown(paths: DiskPaths): Promise<void> {
  if (await isMounted(paths.mount)) await unmount(paths.mount);
  if (await isMounted(paths.fuseFile)) await unmount(paths.fuseFile);
}

async function unmount(path: string): Promise<void> {
  // Who uses it is looked for only when somebody does: that reads all of /proc.
  const attempt = async () => {
    if (await tryUnmount(path)) return true;
    for (const pid of await listUsers(path)) killIfThere(pid);
    return false;
  };
  const options = { clock: systemClock, timeoutMs: BUSY_TIMEOUT_MS, intervalMs: POLL_MS };
  try {
    await waitFor(attempt, { ...options, what: `umount ${path}` });
  } catch (error) {
    if (!(error instanceof TimeoutError)) throw error;
    await systemCommands.run('umount', ['-l', path]);
  }
}

async function tryUnmount(path: string): Promise<boolean> {
  const { exitCode } = await systemCommands.run('umount', [path], { allowExitCodes: [0, 32] });
  return exitCode === 0 || !(await isMounted(path));
}

export async function isMounted(path: string): Promise<boolean> {
  return (await readFile('/proc/self/mounts', 'utf8')).includes(` ${path} `);
}

/** Processes with their working folder or an open file below `path`. */
export async function listUsers(path: string): Promise<number[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const found = await Promise.all(pids.map(async (pid) => (await uses(pid, path)) && Number(pid)));
  return found.filter((pid) => pid !== false);
}

async function uses(pid: string, path: string): Promise<boolean> {
  const descriptors = await readdir(`/proc/${pid}/fd`).catch(() => []);
  const links = ['cwd', 'root', ...descriptors.map((fd) => `fd/${fd}`)];
  const targets = await Promise.all(
    links.map((link) => readlink(`/proc/${pid}/${link}`).catch(() => '')),
  );
  return targets.some((target) => target === path || target.startsWith(`${path}/`));
}

function killIfThere(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It has ended by itself.
  }
}
