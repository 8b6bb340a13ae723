// Owns a measurement without a guest: QEMU's own block layer at work on a file, as `qemu-img bench` drives it, so that
// engines and caches are those that guests get.

import type { AioEngine } from '@ironbark/core/io-profile.ts';
import type { Clock } from '@ironbark/platform/clock.ts';
import type { Commands } from '@ironbark/platform/commands.ts';

export interface BenchContext {
  commands: Commands;
  clock: Clock;
  /** Empty; what is measured on lies in it. */
  folder: string;
  signal: AbortSignal;
  /** Asked before each measurement, once a second during it, and after the last; throws to end all of it. */
  proceed(): Promise<void>;
}

export interface Bench {
  path: string;
  /** The path is a list of QEMU's options instead. */
  isOptions?: boolean;
  /** Written instead of zeros, which may be left out. */
  pattern?: number;
  aio: AioEngine;
  cache: 'none' | 'writeback' | 'writethrough';
  direction: 'read' | 'write';
  blockBytes: number;
  depth: number;
  /** From the beginning of one request to that of the next; the block's size when absent. */
  stepBytes?: number;
  /** After every so many writes. */
  flushEvery?: number;
  /** So much is moved, once: where it matters that nothing is moved twice. */
  wholeBytes?: number;
}

/** So many tell roughly how fast it is. */
const FIRST_COUNT = 32;
const SECONDS = 1;
const MOST_COUNT = 1_000_000;
/** Of a disk that does a request in half a second, the first ones. */
const TIMEOUT_MS = 30_000;

/** Bytes a second. */
export async function measureBench(context: BenchContext, bench: Bench): Promise<number> {
  await context.proceed();
  const { count, seconds } = await runFor(context, bench);
  return (count * bench.blockBytes) / seconds;
}

async function runFor(context: BenchContext, bench: Bench): Promise<Ran> {
  const { wholeBytes, blockBytes } = bench;
  if (wholeBytes !== undefined) return await run(context, bench, wholeBytes / blockBytes);
  const first = await run(context, bench, FIRST_COUNT);
  const count = Math.min(MOST_COUNT, Math.ceil((FIRST_COUNT / first.seconds) * SECONDS));
  return count <= FIRST_COUNT ? first : await run(context, bench, count);
}

interface Ran {
  count: number;
  seconds: number;
}

async function run({ commands, signal }: BenchContext, bench: Bench, count: number): Promise<Ran> {
  const args = benchArguments(bench, count);
  const { stdout } = await commands.run('qemu-img', args, { timeoutMs: TIMEOUT_MS, signal });
  return { count, seconds: parseBench(stdout) };
}

export function benchArguments(bench: Bench, count: number): string[] {
  const { path, aio, cache, direction, blockBytes, depth, stepBytes, flushEvery } = bench;
  const { isOptions = false, pattern } = bench;
  return [
    ...[
      'bench',
      ...(isOptions ? ['--image-opts'] : ['-f', 'raw']),
      '-t',
      cache,
      '-i',
      aio,
      '-c',
      String(count),
      '-d',
      String(depth),
    ],
    ...['-s', String(blockBytes), '-S', String(stepBytes ?? blockBytes)],
    ...(direction === 'write' ? ['-w'] : []),
    ...(pattern === undefined ? [] : [`--pattern=${pattern}`]),
    ...(flushEvery === undefined ? [] : [`--flush-interval=${flushEvery}`]),
    path,
  ];
}

/** A disk that is as fast as the clock can tell would be infinitely fast. */
const LEAST_SECONDS = 0.001;

export function parseBench(text: string): number {
  const match = /^Run completed in ([0-9.]+) seconds\./m.exec(text);
  if (match === null) throw new Error(`qemu-img bench said: ${text.trim()}`);
  return Math.max(LEAST_SECONDS, Number(match[1]));
}
