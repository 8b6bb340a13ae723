// Owns a calibration that needs no guest, no root and half a minute: the disk's own rates, and QEMU's candidates on it.

import { mkdir, rm, statfs } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type {
  CalibrationFinding,
  DeviceRates,
  IoCalibration,
} from '@ironbark/core/io-calibration.ts';
import type { AioEngine } from '@ironbark/core/io-profile.ts';
import { KIB, MIB, renderBytes } from '@ironbark/core/units.ts';
import { parseRate, transferArguments } from '../workloads/dd.ts';
import { CalibrationError } from './choose-engine.ts';
import { calibrationFrom, type HostFigures, type HostNetwork } from './findings.ts';
import { type Bench, type BenchContext, measureBench } from './host-bench.ts';
import { READ_AHEADS } from './host-profile.ts';

export interface HostCalibrationOptions extends BenchContext {
  measuredAt: string;
  processors: number;
  network: HostNetwork;
  /** Of the engines, as guests have measured them; they are not measured again. */
  engine?: CalibrationFinding;
  /** Of the disk, where they were measured a moment ago. */
  rates?: DeviceRates;
}

/** More than a drive's own cache has. */
const FILE_BYTES = 128 * MIB;
/** Of each way to allocate. */
const FRESH_BYTES = 48 * MIB;
/** A disk that is nearly full is another one. */
const ROOM = 4;
const ENGINES: readonly AioEngine[] = ['io_uring', 'native', 'threads'];
/** So long a guest that has begun shares its disk with a measurement. */
const WATCH_MS = 1_000;
const DD_TIMEOUT_MS = 60_000;
const PLAIN_WORDS = { LC_ALL: 'C', PATH: '/usr/sbin:/usr/bin:/sbin:/bin' };

export async function calibrateHost(options: HostCalibrationOptions): Promise<IoCalibration> {
  const { folder } = options;
  await requireRoom(dirname(folder));
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true, mode: 0o700 });
  try {
    const figures = await watched(options, (context) => measure(context, options));
    return calibrationFrom(figures, options);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** What is under way ends with the signal, or once it may not go on, and the error is why. */
async function watched<Result>(
  context: BenchContext,
  work: (context: BenchContext) => Promise<Result>,
): Promise<Result> {
  const { clock, proceed } = context;
  const ending = new AbortController();
  const signal = AbortSignal.any([context.signal, ending.signal]);
  const watch = async () => {
    while (!signal.aborted) {
      await clock.sleep(WATCH_MS, signal);
      await proceed();
    }
  };
  const watching = watch().catch((error: unknown) => ending.abort(error));
  try {
    const result = await work({ ...context, signal });
    await proceed();
    signal.throwIfAborted();
    return result;
  } catch (error) {
    // A command that was ended only says that it was.
    signal.throwIfAborted();
    throw error;
  } finally {
    ending.abort();
    await watching;
  }
}

async function requireRoom(folder: string): Promise<void> {
  const { bavail, bsize } = await statfs(folder);
  const needed = ROOM * (FILE_BYTES + FRESH_BYTES);
  if (bavail * bsize >= needed) return;
  throw new CalibrationError(`${folder} has less than ${renderBytes(needed)} free`);
}

type Known = Pick<HostCalibrationOptions, 'engine' | 'rates'>;

async function measure(
  context: BenchContext,
  { engine, rates: known }: Known,
): Promise<HostFigures> {
  const path = join(context.folder, 'disk');
  await dd(context, [
    'if=/dev/zero',
    `of=${path}`,
    'bs=1M',
    `count=${FILE_BYTES / MIB}`,
    'conv=fsync',
  ]);
  const rates = known ?? (await measureRates(context, path));
  const engines =
    engine === undefined
      ? await measureEngines(context, path)
      : { measured: engine.measured, refused: {} };
  const best = Object.entries(engines.measured).toSorted(([, a], [, b]) => b - a)[0];
  // Without one, calibrationFrom says why.
  const aio = (best?.[0] ?? 'threads') as AioEngine;
  return {
    ...{ ...rates, engines },
    cache: await measureCaches(context, path),
    allocation: await measureAllocations(context, aio),
    readAhead: await measureReadAhead(context, { path, aio }),
  };
}

async function measureRates(context: BenchContext, path: string): Promise<DeviceRates> {
  const rate = async (direction: 'read' | 'write') => {
    const args = transferArguments(direction, { path, bytes: FILE_BYTES, direct: true });
    return parseRate(await dd(context, args)) * 1e6;
  };
  const writeBytesPerSecond = await rate('write');
  return { writeBytesPerSecond, readBytesPerSecond: await rate('read') };
}

async function dd(context: BenchContext, args: readonly string[]): Promise<string> {
  await context.proceed();
  const { signal, commands } = context;
  const options = { timeoutMs: DD_TIMEOUT_MS, signal, env: PLAIN_WORDS };
  const { stdout, stderr } = await commands.run('dd', args, options);
  return `${stdout}\n${stderr}`;
}

/** Small requests, 16 at a time, not next to each other: where what a request costs counts. */
async function measureEngines(
  context: BenchContext,
  path: string,
): Promise<HostFigures['engines']> {
  const measured: Partial<Record<AioEngine, number>> = {};
  const refused: Partial<Record<AioEngine, string>> = {};
  for (const aio of ENGINES) {
    const work = {
      path,
      aio,
      cache: 'none',
      blockBytes: 4 * KIB,
      depth: 16,
      stepBytes: 68 * KIB,
    } as const;
    try {
      const rates = [
        await measureBench(context, { ...work, direction: 'read' }),
        await measureBench(context, { ...work, direction: 'write' }),
      ];
      measured[aio] = Math.sqrt(rates[0]! * rates[1]!) / work.blockBytes;
    } catch (error) {
      context.signal.throwIfAborted();
      await context.proceed();
      refused[aio] = error instanceof Error ? error.message : String(error);
    }
  }
  return { measured, refused };
}

/** As a file system in a guest writes: in order, and a flush now and then. */
async function measureCaches(context: BenchContext, path: string): Promise<Record<string, number>> {
  const work = {
    path,
    aio: 'threads',
    direction: 'write',
    blockBytes: 64 * KIB,
    depth: 4,
  } as const;
  return {
    direct: await measureBench(context, { ...work, cache: 'none', flushEvery: 64 }),
    writeback: await measureBench(context, { ...work, cache: 'writeback', flushEvery: 64 }),
    writethrough: await measureBench(context, { ...work, cache: 'writethrough' }),
  };
}

/** The first writes to a file: one that grows, one whose room is known, and one that was written before. */
async function measureAllocations(
  context: BenchContext,
  aio: AioEngine,
): Promise<HostFigures['allocation']> {
  const path = join(context.folder, 'fresh');
  const bench: Bench = {
    ...{ path, aio, cache: 'none', direction: 'write', blockBytes: 64 * KIB, depth: 16 },
    wholeBytes: FRESH_BYTES,
  };
  const fresh = async (file: string, args: readonly string[]) => {
    await rm(path, { force: true });
    await context.commands.run(file, args, { signal: context.signal });
    return await measureBench(context, bench);
  };
  const size = String(FRESH_BYTES);
  const sparse = await fresh('truncate', ['-s', size, path]);
  const preallocated = await fresh('fallocate', ['-l', size, path]);
  const written = await measureBench(context, bench);
  return { sparse, preallocated, written };
}

/** In turns, so that what the host does meanwhile changes all alike. */
const READ_AHEAD_ROUNDS = 3;

/** What Linux has under way of each window: one request of up to 1 MiB, or as many of them as it holds. */
async function measureReadAhead(
  context: BenchContext,
  { path, aio }: { path: string; aio: AioEngine },
): Promise<HostFigures['readAhead']> {
  const rates: Record<string, number[]> = {};
  for (let round = 0; round < READ_AHEAD_ROUNDS; round++) {
    for (const { name, windowBytes } of READ_AHEADS) {
      const blockBytes = Math.min(windowBytes, MIB);
      const work = { path, aio, cache: 'none', direction: 'read', blockBytes } as const;
      const rate = await measureBench(context, { ...work, depth: windowBytes / blockBytes });
      rates[name] = [...(rates[name] ?? []), rate];
    }
  }
  return rates;
}
