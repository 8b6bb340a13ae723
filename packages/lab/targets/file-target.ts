// Owns a file of the host as a guest's disk: sparse, so that it grows as it is written, or written whole beforehand.

import { stat, truncate } from 'node:fs/promises';
import { MIB } from '@ironbark/core/units.ts';
import type { Clock } from '@ironbark/platform/clock.ts';
import type { Commands } from '@ironbark/platform/commands.ts';
import { writeUnsynced } from '@ironbark/platform/files.ts';
import type { Configuration } from '../matrix/configuration.ts';
import { watchDevice } from '../seen/host-disk.ts';
import type { Backing } from './backing.ts';
import type { LoopDevice } from './loop-device.ts';
import type { Target } from './target.ts';

export interface FileOptions {
  commands: Commands;
  clock: Clock;
  sizeBytes: number;
}

export interface FilePlace {
  /** Where the file system is mounted. */
  folder: string;
  path: string;
  below: LoopDevice;
  backing: Backing;
}

/** A file's blocks are counted in these. */
const BLOCK_BYTES = 512;
const FILL_TIMEOUT_MS = 600_000;

export async function fileTarget(
  options: FileOptions,
  configuration: Configuration,
  place: FilePlace,
): Promise<Target> {
  const { clock } = options;
  const { path, below, backing } = place;
  const isSparse = configuration.target === 'sparse-file';
  const unmeasured = (work: () => Promise<void>) =>
    backing.unmeasured(async () => {
      await work();
      await options.commands.run('sync', ['--file-system', place.folder]);
    });
  await writeUnsynced(path, '');
  await truncate(path, options.sizeBytes);
  if (!isSparse) await unmeasured(() => fill(options, path));
  return {
    path,
    source: { kind: 'file', path },
    prepare: (direction) =>
      unmeasured(async () => {
        if (isSparse && direction === 'write') await makeSparse(options, path);
        if (direction === 'read' && (await isMissing(options, path))) await fill(options, path);
      }),
    watch: (work) => watchDevice(below.name, clock, work),
  };
}

async function makeSparse({ commands, sizeBytes }: FileOptions, path: string): Promise<void> {
  const range = ['--offset', '0', '--length', String(sizeBytes)];
  await commands.run('fallocate', ['--punch-hole', ...range, path]);
}

async function isMissing({ sizeBytes }: FileOptions, path: string): Promise<boolean> {
  return (await stat(path)).blocks * BLOCK_BYTES < sizeBytes;
}

async function fill({ commands, sizeBytes }: FileOptions, path: string): Promise<void> {
  const args = [`of=${path}`, 'bs=1M', `count=${sizeBytes / MIB}`, 'conv=notrunc,fsync'];
  await commands.run('dd', ['if=/dev/zero', ...args], { timeoutMs: FILL_TIMEOUT_MS });
}
