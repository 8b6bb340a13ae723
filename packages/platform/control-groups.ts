// Owns the control groups that bound what a process of ours takes from its host: one group for each, below one of
// ours, in whichever of the kernel's two interfaces has the controller.
//
// Version 1: below the group that this process is in itself, controller by controller. Version 2: below the top, since
// a group that holds processes may not hand its controllers on (kernel, admin-guide/cgroup-v2, "No Internal Process
// Constraint"). A host that lets us write neither is used without limits, and says so.

import { createHash } from 'node:crypto';
import { mkdir, readdir, rmdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { type Clock, waitFor } from './clock.ts';
import { hasCode, readFileIfPresent, writeUnsynced } from './files.ts';

export interface ResourceLimits {
  memoryBytes: number;
  /** Its share of the processors, when they are wanted by more than there are. */
  vcpus: number;
  processes: number;
}

export interface ControlGroups {
  /** For people: why nothing is limited; undefined when all is. */
  readonly missing: string | undefined;
  /** Makes the group or finds it, and puts the process in. Answers its folders. Repeats safely. */
  limit(name: string, pid: number, limits: ResourceLimits): Promise<string[]>;
  /**
   * Removes a group whose process has ended; one that is not there is fine. `known` are folders that an earlier
   * process of ours, which may have been in another group, made for it.
   */
  remove(name: string, known?: readonly string[]): Promise<void>;
  /** Removes every group in which no process is. */
  sweep(): Promise<void>;
}

export type ControllerName = 'memory' | 'cpu' | 'pids';

export interface Controller {
  name: ControllerName;
  version: 1 | 2;
  /** The folder in which ours is made. */
  parent: string;
}

const CONTROLLERS: readonly ControllerName[] = ['memory', 'cpu', 'pids'];
/** What a processor counts for in each version's own scale, whose default stands for one. */
const SHARES_PER_VCPU = 1024;
const WEIGHT_PER_VCPU = 100;
const MOST_WEIGHT = 10_000;

/** The kernel counts the threads of a process out one by one. */
const EMPTY_TIMEOUT_MS = 2_000;
const LOOK_MS = 10;

/** Two clouds on one host never meet, and a service finds its own again. */
export function groupNameFor(dataDir: string): string {
  return `ironbark-${createHash('sha256').update(dataDir).digest('hex').slice(0, 8)}`;
}

/** `group` is the name of ours, such as `ironbark-1a2b3c4d`. */
export async function openControlGroups(group: string, clock: Clock): Promise<ControlGroups> {
  const read = async (path: string) => (await readFileIfPresent(path))?.toString('utf8') ?? '';
  const mounts = await read('/proc/self/mountinfo');
  const controllers = findControllers(mounts, await read('/proc/self/cgroup'));
  return useControllers(group, controllers, clock);
}

export async function useControllers(
  group: string,
  controllers: readonly Controller[],
  clock: Clock,
): Promise<ControlGroups> {
  // Tried once at the start, so that what is missing is known before it is needed.
  const missing = await prepare(group, controllers);
  const folders =
    missing === undefined ? [...new Set(controllers.map((c) => join(c.parent, group)))] : [];
  for (const folder of folders) await removeGroup(folder);
  const limit = async (name: string, pid: number, limits: ResourceLimits) => {
    if (missing !== undefined) return [];
    await prepare(group, controllers);
    for (const controller of controllers) await setLimit(controller, join(group, name), limits);
    const made = folders.map((folder) => join(folder, name));
    for (const folder of made) await writeUnsynced(join(folder, 'cgroup.procs'), `${pid}`);
    return made;
  };
  const remove = async (name: string, known: readonly string[] = []) => {
    for (const folder of new Set([...folders.map((each) => join(each, name)), ...known])) {
      const what = `control group ${folder} is empty`;
      const wait = { clock, timeoutMs: EMPTY_TIMEOUT_MS, intervalMs: LOOK_MS, what };
      await waitFor(() => removeGroup(folder), wait);
      // The last one takes ours along.
      await removeGroup(dirname(folder));
    }
  };
  const sweep = async () => {
    for (const folder of folders) {
      for (const name of await listGroups(folder)) await removeGroup(join(folder, name));
      await removeGroup(folder);
    }
  };
  return { missing, limit, remove, sweep };
}

/** Makes our group; says why not. */
async function prepare(
  group: string,
  controllers: readonly Controller[],
): Promise<string | undefined> {
  const lacking = CONTROLLERS.filter((name) => !controllers.some((c) => c.name === name));
  if (lacking.length > 0) return `the kernel offers no control group for ${lacking.join(', ')}`;
  try {
    for (const controller of controllers) await prepareParent(controller, group);
    return undefined;
  } catch (error) {
    return `control groups may not be made here (${error instanceof Error ? error.message : error})`;
  }
}

async function prepareParent({ version, parent, name }: Controller, group: string): Promise<void> {
  if (version === 2) await enable(parent, name);
  await makeGroup(join(parent, group));
  if (version === 2) await enable(join(parent, group), name);
}

async function enable(folder: string, name: ControllerName): Promise<void> {
  const path = join(folder, 'cgroup.subtree_control');
  const enabled = (await readFileIfPresent(path))?.toString('utf8') ?? '';
  if (!enabled.split(/\s+/).includes(name)) await writeUnsynced(path, `+${name}`);
}

async function makeGroup(folder: string): Promise<void> {
  try {
    await mkdir(folder);
  } catch (error) {
    if (!hasCode(error, 'EEXIST')) throw error;
  }
}

async function setLimit(controller: Controller, group: string, limits: ResourceLimits) {
  const folder = join(controller.parent, group);
  await makeGroup(folder);
  const { file, value } = renderLimit(controller, limits);
  await writeUnsynced(join(folder, file), `${value}`);
}

export function renderLimit(
  { name, version }: Pick<Controller, 'name' | 'version'>,
  { memoryBytes, vcpus, processes }: ResourceLimits,
): { file: string; value: number } {
  if (name === 'pids') return { file: 'pids.max', value: processes };
  if (name === 'memory') {
    return { file: version === 1 ? 'memory.limit_in_bytes' : 'memory.max', value: memoryBytes };
  }
  if (version === 1) return { file: 'cpu.shares', value: vcpus * SHARES_PER_VCPU };
  return { file: 'cpu.weight', value: Math.min(vcpus * WEIGHT_PER_VCPU, MOST_WEIGHT) };
}

/** True when it is gone; false while a process or another group is in it. */
async function removeGroup(folder: string): Promise<boolean> {
  try {
    await rmdir(folder);
    return true;
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return true;
    if (hasCode(error, 'EBUSY') || hasCode(error, 'ENOTEMPTY')) return false;
    throw error;
  }
}

async function listGroups(folder: string): Promise<string[]> {
  try {
    const entries = await readdir(folder, { withFileTypes: true });
    return entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name);
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return [];
    throw error;
  }
}

/** In /proc/self/mountinfo (proc(5)): root within the file system, mount point; after a dash type, source, options. */
const MOUNT = /^\S+ \S+ \S+ (\S+) (\S+) .* - (cgroup2?) \S+ (\S+)$/;

/** Version 1 goes first: a controller that it has is not in version 2. */
export function findControllers(mountinfo: string, ownGroups: string): Controller[] {
  const mounts = mountinfo.split('\n').flatMap((line) => {
    const [, root, point, type, options] = MOUNT.exec(line) ?? [];
    if (root === undefined || point === undefined) return [];
    return [{ root, point, type, names: (options ?? '').split(',') }];
  });
  const own = parseOwnGroups(ownGroups);
  return CONTROLLERS.flatMap((name): Controller[] => {
    const first = mounts.find((mount) => mount.type === 'cgroup' && mount.names.includes(name));
    if (first !== undefined) {
      const path = own.get(name) ?? '/';
      // A container's mount shows a part of the tree, and its own path is given from the top.
      const below = path.startsWith(first.root) ? path.slice(first.root.length) : path;
      return [{ name, version: 1, parent: join(first.point, below) }];
    }
    const second = mounts.find((mount) => mount.type === 'cgroup2');
    return second === undefined ? [] : [{ name, version: 2, parent: second.point }];
  });
}

/** Lines of `number:controllers:path`. */
function parseOwnGroups(text: string): Map<string, string> {
  const paths = new Map<string, string>();
  for (const line of text.split('\n')) {
    const [, names = '', path = ''] = /^\d+:([^:]*):(.*)$/.exec(line) ?? [];
    for (const name of names.split(',')) if (name !== '') paths.set(name, path);
  }
  return paths;
}
