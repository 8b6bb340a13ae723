// Owns `npm run bench -- block`: the rows of the design's block table, each as a ratio to the host's own access to the
// same modelled disk, one after the other in one run.

import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { LabDisk } from '@ironbark/lab/disk/lab-disk.ts';
import { whyNoLabDisk } from '@ironbark/lab/disk/lab-requirements.ts';
import { TESTBEDS, UNLIMITED } from '@ironbark/lab/testbeds.ts';
import { systemClock } from '@ironbark/platform/clock.ts';
import { systemCommands } from '@ironbark/platform/commands.ts';
import { clearFolder, onInterruption } from '../../support/interruption.ts';
import { BENCH_VOLUME, type Bench, DISK_BYTES, exportOf } from './bench.ts';
import { measureEngines } from './engines.ts';
import { LabGuest } from './lab-guest.ts';
import { measureLimits } from './limits.ts';
import { measureReadStream, measureVolumePath } from './paths.ts';
import { measureKicks } from './requests.ts';
import type { BlockRow } from './rows.ts';
import { measureSequential } from './sequential.ts';
import { measureSharedMemory } from './shared-memory.ts';
import { measureSynchronousReads } from './synchronous.ts';
import { measureTcp } from './tcp.ts';
import { measureCostOfMeasuring, measureManyVolumes, measureServedVolume } from './volumes.ts';

export interface BlockOptions {
  testbed: Bench['testbed'];
  /** Rows of the table; all when empty. */
  rows: readonly string[];
  repeat: number;
  quick: boolean;
  onRows: (rows: readonly BlockRow[]) => void;
}

export const BLOCK_ROWS = [
  ...['1', '2', '3', '4', '5', '6', '7', '8', '11', '12', '13'],
  ...['tcp', 'path', 'shared-memory', 'volumes', 'metrics'],
] as const;

export async function measureBlock(options: BlockOptions): Promise<BlockRow[]> {
  const why = await whyNoLabDisk();
  if (why !== undefined) throw new Error(why);
  const folder = await mkdtemp('/var/tmp/ironbark-bench-');
  using _held = onInterruption(() => clearFolder(folder));
  try {
    return await measureIn(folder, options);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function measureIn(folder: string, options: BlockOptions): Promise<BlockRow[]> {
  const isWanted = (row: string) => options.rows.length === 0 || options.rows.includes(row);
  const any = (...rows: string[]) => rows.some(isWanted);
  const rows: BlockRow[] = [];
  const add = async (measure: () => Promise<BlockRow[]>) => {
    const more = await measure();
    options.onRows(more);
    rows.push(...more);
  };
  await using disk = await LabDisk.start({
    commands: systemCommands,
    clock: systemClock,
    folder: join(folder, 'disk'),
    sizeBytes: DISK_BYTES,
    model: UNLIMITED,
  });
  if (any('1', '2', '3', '4', '6', '7', '11', '12', '13', 'volumes', 'metrics')) {
    await using guest = await LabGuest.boot({ folder });
    const device = await guest.attach(BENCH_VOLUME, exportOf(disk));
    const bench = { ...options, folder, disk, guest, device };
    if (isWanted('7')) await add(() => measureKicks(bench));
    if (isWanted('4')) await add(() => measureSynchronousReads(bench));
    if (any('1', '2', '3', '6')) await add(() => measureSequential(bench, isWanted));
    if (any('11', '12', '13')) {
      await guest.detach(BENCH_VOLUME);
      if (any('11', '12')) await add(() => measureServedVolume(bench, isWanted));
      if (isWanted('13')) await add(() => measureLimits(bench));
    }
    if (isWanted('volumes')) await add(() => measureManyVolumes(bench));
    if (isWanted('metrics')) await add(() => measureCostOfMeasuring(bench));
  }
  if (isWanted('tcp')) await add(() => measureTcp(options.repeat));
  const rest = { ...options, folder, disk };
  if (isWanted('5')) await add(() => measureReadStream(rest));
  if (isWanted('path')) await add(() => measureVolumePath(rest));
  if (isWanted('shared-memory')) await add(() => measureSharedMemory(rest));
  if (isWanted('8')) await add(() => measureEngines(folder, options.repeat));
  return rows;
}

export function parseTestbed(text: string): Bench['testbed'] {
  if (text === 'paper' || text === 'slow') return text;
  const names = Object.keys(TESTBEDS).filter((name) => name !== 'native');
  throw new Error(`unknown testbed ${text}; there are ${names.join(', ')}`);
}
