// Owns the targets of one run: made before its first row, and gone with everything below them after its last.

import { join } from 'node:path';
import { MIB } from '@ironbark/core/units.ts';
import type { Clock } from '@ironbark/platform/clock.ts';
import type { Commands } from '@ironbark/platform/commands.ts';
import { type Configuration, configurationId } from '../matrix/configuration.ts';
import { watchDevice } from '../seen/host-disk.ts';
import type { Testbed } from '../testbeds.ts';
import { type Backing, openBacking } from './backing.ts';
import { makeFileSystem, mountFileSystem } from './file-system.ts';
import { fileTarget } from './file-target.ts';
import { type LoopDevice, openLoopDevice } from './loop-device.ts';
import type { Target } from './target.ts';

export interface TargetsOptions {
  commands: Commands;
  clock: Clock;
  folder: string;
  testbed: Testbed;
  /** The local disk, where it is not to be in the folder. */
  ownDisk?: string;
  /** Of each transfer, and so of each target. */
  sizeBytes: number;
  /** Modelled disks have their bytes in memory. */
  isInMemory?: boolean;
  /** What will be measured: only what these need is made. */
  configurations: readonly Configuration[];
}

export interface Targets extends AsyncDisposable {
  find(configuration: Configuration): Target | undefined;
}

/** ext4's journal and tables, beside the files. */
const FILE_SYSTEM_BYTES = 96 * MIB;
const FILES: readonly string[] = ['sparse-file', 'preallocated-file'];
const VOLUMES: readonly string[] = ['volume', 'volume-device', 'volume-in-guest'];

/** What a run takes of the host's disk at most. */
export function spaceFor(configurations: readonly Configuration[], sizeBytes: number): number {
  const files = configurations.filter(({ target }) => FILES.includes(target)).length;
  return sizeBytes * (files + 2) + FILE_SYSTEM_BYTES;
}

export async function openTargets(options: TargetsOptions): Promise<Targets> {
  const { configurations } = options;
  const files = configurations.filter(({ target }) => FILES.includes(target));
  const found = new Map<string, Target>();
  await using stack = new AsyncDisposableStack();
  await openLocal(options, files, { found, stack });
  if (configurations.some(({ target }) => VOLUMES.includes(target))) {
    await openVolume(options, { found, stack });
  }
  const owned = stack.move();
  return {
    find: (each) => found.get(each.target) ?? found.get(configurationId(each)),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

interface Making {
  found: Map<string, Target>;
  stack: AsyncDisposableStack;
}

/** The disk itself, and beside it on the same disk the files. */
async function openLocal(
  options: TargetsOptions,
  files: readonly Configuration[],
  { found, stack }: Making,
): Promise<void> {
  const { commands, sizeBytes, testbed, folder } = options;
  const filesBytes = files.length === 0 ? 0 : FILE_SYSTEM_BYTES + files.length * sizeBytes;
  const backing = await openBacking({
    ...options,
    folder: join(folder, 'local'),
    sizeBytes: sizeBytes + filesBytes,
    model: testbed.disk,
  });
  stack.use(backing);
  const { file } = backing;
  const device = stack.use(await openLoopDevice(commands, { file, offset: 0, sizeBytes }));
  found.set('local-disk', deviceTarget(options, device, backing));
  if (files.length === 0) return;
  const range = { file, offset: sizeBytes, sizeBytes: filesBytes };
  await makeFileSystem(commands, { ...range, bytesFile: backing.bytesFile });
  const below = stack.use(await openLoopDevice(commands, range));
  const mounted = join(folder, 'files');
  const system = { ...options, device: below.path, folder: mounted };
  stack.use(await backing.unmeasured(() => mountFileSystem(system)));
  for (const [index, each] of files.entries()) {
    const place = { folder: mounted, path: join(mounted, `disk-${index}`), below, backing };
    found.set(configurationId(each), await fileTarget(options, each, place));
  }
}

async function openVolume(options: TargetsOptions, { found, stack }: Making): Promise<void> {
  const { commands, sizeBytes, testbed, folder } = options;
  const model = testbed.volume ?? testbed.disk;
  if (model === undefined) return;
  const backing = await openBacking({
    ...options,
    folder: join(folder, 'volume'),
    model,
    servesTcp: true,
  });
  stack.use(backing);
  const range = { file: backing.file, offset: 0, sizeBytes };
  const device = stack.use(await openLoopDevice(commands, range));
  found.set('volume-device', deviceTarget(options, device, backing));
  const { socketPath, port } = backing.disk!;
  const served = servedTarget(backing);
  found.set('volume', { ...served, source: { kind: 'nbd', socketPath } });
  found.set('volume-in-guest', { ...served, port: port! });
}

function deviceTarget(
  { clock }: TargetsOptions,
  { path, name }: LoopDevice,
  { bytesFile }: Backing,
): Target {
  return {
    path,
    bytesFile,
    source: { kind: 'device', path },
    prepare: async () => {},
    watch: (work) => watchDevice(name, clock, work),
  };
}

/** A volume that is reached past the host's block devices: its own disk says what it saw. */
function servedTarget({ disk, file, bytesFile }: Backing): Target {
  return {
    path: file,
    bytesFile,
    prepare: async () => {},
    watch: async (work) => {
      const { result, seen } = await disk!.watch(work);
      const { readBytes, writeBytes, readOps, writeOps, residenceMs } = seen.counters;
      const requests = readOps + writeOps;
      const timed = requests === 0 ? {} : { requestMs: residenceMs / requests };
      return { result, seen: { ...seen, bytes: readBytes + writeBytes, ...timed } };
    },
  };
}
