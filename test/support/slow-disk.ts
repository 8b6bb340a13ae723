// Owns a slower disk for one process: the kernel's own throttle on what that process reads and writes, so that a
// fast host's disk behaves as the design's 25 MB/s one and queues can be seen.

import { mkdir, readFile, rmdir, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { exists } from '@ironbark/platform/files.ts';

const V1 = '/sys/fs/cgroup/blkio';
const V2 = '/sys/fs/cgroup';

/** Why it cannot be had here; undefined when it can. */
export async function whyNoThrottle(): Promise<string | undefined> {
  if ((await exists(join(V1, 'blkio.throttle.write_bps_device'))) || (await hasIoController())) {
    return undefined;
  }
  return 'the kernel has no throttle for block devices here';
}

/** Limits a process to so many bytes a second, each way, on the disk that holds a path, until disposed. */
export async function throttleProcess(
  pid: number,
  path: string,
  bytesPerSecond: number,
): Promise<AsyncDisposable> {
  const device = await wholeDisk(path);
  const isV1 = await exists(join(V1, 'blkio.throttle.write_bps_device'));
  const parent = isV1 ? V1 : V2;
  const home = isV1 ? parent : join(V2, await currentGroup(pid));
  const group = join(parent, `ironbark-test-${pid}`);
  await mkdir(group);
  if (isV1) {
    await writeFile(join(group, 'blkio.throttle.write_bps_device'), `${device} ${bytesPerSecond}`);
    await writeFile(join(group, 'blkio.throttle.read_bps_device'), `${device} ${bytesPerSecond}`);
  } else {
    const limits = `${device} rbps=${bytesPerSecond} wbps=${bytesPerSecond}`;
    await writeFile(join(group, 'io.max'), limits);
  }
  await writeFile(join(group, 'cgroup.procs'), String(pid));
  return {
    [Symbol.asyncDispose]: async () => {
      await writeFile(join(home, 'cgroup.procs'), String(pid)).catch(() => {
        // It ended; an empty group can be removed.
      });
      await rmdir(group);
    },
  };
}

/** `major:minor` of the disk itself; a limit on a partition is refused. */
async function wholeDisk(path: string): Promise<string> {
  const { dev } = await stat(path);
  const device = `${Math.floor(dev / 256) & 0xfff}:${(dev & 0xff) | ((dev / 2 ** 12) & 0xfff00)}`;
  const partition = `/sys/dev/block/${device}/partition`;
  if (!(await exists(partition))) return device;
  return (await readFile(`/sys/dev/block/${device}/../dev`, 'utf8')).trim();
}

async function currentGroup(pid: number): Promise<string> {
  const groups = await readFile(`/proc/${pid}/cgroup`, 'utf8');
  return groups.match(/^0::(.*)$/m)?.[1] ?? '/';
}

async function hasIoController(): Promise<boolean> {
  const controllers = await readFile(join(V2, 'cgroup.subtree_control'), 'utf8').catch(() => '');
  return controllers.split(/\s/).includes('io');
}
