// Owns fio's jobs of the lab: sequential and random, mixed, one request at a time and many, asynchronous and not. Pure.

import type { Direction } from '../paper/paper-rows.ts';

export interface FioJob {
  pattern: 'sequential' | 'random';
  /** As fio writes it. */
  block: '4k' | '64k';
  depth: number;
  /** A call that waits, or requests that are collected later. */
  engine: 'psync' | 'libaio';
  /** Seven reads to three writes. */
  mixed?: boolean;
}

const RANDOM = { pattern: 'random', block: '4k', engine: 'libaio' } as const;
const SEQUENTIAL = { pattern: 'sequential', block: '64k', engine: 'libaio' } as const;

/** All past the page cache. */
const JOBS = {
  'fio-sequential-qd1': { ...SEQUENTIAL, depth: 1 },
  'fio-sequential-qd16': { ...SEQUENTIAL, depth: 16 },
  'fio-random-sync': { ...RANDOM, engine: 'psync', depth: 1 },
  'fio-random-qd1': { ...RANDOM, depth: 1 },
  'fio-random-qd4': { ...RANDOM, depth: 4 },
  'fio-random-qd16': { ...RANDOM, depth: 16 },
  'fio-random-qd64': { ...RANDOM, depth: 64 },
  'fio-mixed-qd16': { ...RANDOM, depth: 16, mixed: true },
} as const satisfies Readonly<Record<`fio-${string}`, FioJob>>;

export type FioWorkload = keyof typeof JOBS;

export const FIO_JOBS: Readonly<Record<FioWorkload, FioJob>> = JOBS;

const READ_PERCENT = 70;

export function fioArguments(
  workload: FioWorkload,
  { direction, path, bytes, seconds }: FioTransfer,
): string[] {
  const { pattern, block, depth, engine, mixed } = FIO_JOBS[workload];
  const random = pattern === 'random' ? 'rand' : '';
  const mix = [`--rw=${random}rw`, `--rwmixread=${READ_PERCENT}`];
  return [
    ...['--name=lab', `--filename=${path}`, `--size=${bytes}`, `--bs=${block}`, '--direct=1'],
    ...(mixed === true ? mix : [`--rw=${random}${direction}`]),
    ...[`--ioengine=${engine}`, `--iodepth=${depth}`, `--runtime=${seconds}`, '--time_based'],
    ...['--randrepeat=1', '--norandommap', '--output-format=json'],
  ];
}

export interface FioTransfer {
  direction: Direction;
  path: string;
  bytes: number;
  seconds: number;
}

interface FioReport {
  jobs: Partial<Record<Direction, FioSide>>[];
}

interface FioSide {
  /** Bytes a second, and bytes. */
  bw_bytes: number;
  io_bytes: number;
  iops: number;
  clat_ns: { mean: number; percentile?: Record<string, number> };
}

const NANOSECONDS_PER_MS = 1e6;
/** fio's own name of 99 in 100. */
const P99 = '99.000000';

export function parseFio(text: string, direction: Direction) {
  const start = text.indexOf('{\n');
  if (start < 0) throw new Error(`fio said: ${text}`);
  const { jobs } = JSON.parse(text.slice(start, text.lastIndexOf('}') + 1)) as FioReport;
  const { read, write } = jobs[0] ?? {};
  const side = direction === 'read' ? read : write;
  if (side === undefined || side.io_bytes === 0) throw new Error('fio moved nothing');
  const { mean, percentile } = side.clat_ns;
  return {
    mbps: side.bw_bytes / 1e6,
    // Of a mix, both sides reach the disk.
    bytes: (read?.io_bytes ?? 0) + (write?.io_bytes ?? 0),
    seconds: side.io_bytes / side.bw_bytes,
    iops: side.iops,
    latencyMs: {
      mean: mean / NANOSECONDS_PER_MS,
      p99: (percentile?.[P99] ?? mean) / NANOSECONDS_PER_MS,
    },
  };
}
