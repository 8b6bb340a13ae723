// Owns what is done to a disk while it is measured, by name: dd, streams of records as Hadoop's, and fio's jobs; which
// program does it, with which arguments, and how what it prints is read. Pure.

import { MIB } from '@ironbark/core/units.ts';
import type { Direction } from '../paper/paper-rows.ts';
import { parseRate, transferArguments } from './dd.ts';
import { FIO_JOBS, type FioWorkload, fioArguments, parseFio } from './fio.ts';
import type { ToolName } from './host-tools.ts';

/**
 * `buffered` and `direct`: dd through the page cache of whoever runs it, or past it. `hadoop`: several tasks, each
 * with a large file of records that carry checksums. `hadoop-spill`: each writes pieces and merges them.
 */
export type Workload = 'buffered' | 'direct' | 'hadoop' | 'hadoop-spill' | FioWorkload;

export type WorkloadGroup = 'dd' | 'hadoop' | 'fio';

export const WORKLOADS: readonly Workload[] = [
  ...(['buffered', 'direct', 'hadoop', 'hadoop-spill'] as const),
  ...(Object.keys(FIO_JOBS) as FioWorkload[]),
];

export function groupOf(workload: Workload): WorkloadGroup {
  if (isFio(workload)) return 'fio';
  return workload === 'buffered' || workload === 'direct' ? 'dd' : 'hadoop';
}

export function isFio(workload: Workload): workload is FioWorkload {
  return workload.startsWith('fio-');
}

/** A merge writes, and a mix is counted by its reads. */
export function directionsOf(workload: Workload): readonly Direction[] {
  if (workload === 'hadoop-spill') return ['write'];
  return isFio(workload) && FIO_JOBS[workload].mixed === true ? ['read'] : ['write', 'read'];
}

/** Whether whoever runs it has a page cache that reads ahead of it. */
export function isCached(workload: Workload): boolean {
  return workload === 'buffered' || workload === 'hadoop' || workload === 'hadoop-spill';
}

export interface Transfer {
  direction: Direction;
  workload: Workload;
  path: string;
  bytes: number;
  /** Of a job that has a time and no end. */
  seconds: number;
}

export interface Outcome {
  /** MB/s. */
  mbps: number;
  /** Of what was moved. */
  bytes: number;
  /** In which it was moved; `bytes` at `mbps` when absent. */
  seconds?: number;
  iops?: number;
  latencyMs?: { mean: number; p99: number };
}

/** Milliseconds in which the program did its work: an emulated guest takes a while besides to begin and end it. */
export function workMsOf({ mbps, bytes, seconds = bytes / 1e6 / mbps }: Outcome): number {
  return 1_000 * seconds;
}

export interface Program {
  tool: 'dd' | ToolName;
  args: string[];
  /** What it prints, on both streams. */
  parse(text: string): Outcome;
}

/** A node of the paper had eight processors; Hadoop's own default is two tasks of a kind. */
const TASKS = 2;
/** What is spilled has to come back out of the page cache, as it does on a node with memory for its jobs. */
const MOST_SPILLED_BYTES = 128 * MIB;

export function programOf(transfer: Transfer): Program {
  const { direction, workload, path, bytes, seconds } = transfer;
  if (isFio(workload)) {
    const args = fioArguments(workload, { direction, path, bytes, seconds });
    return { tool: 'fio', args, parse: (text) => parseFio(text, direction) };
  }
  if (workload === 'buffered' || workload === 'direct') {
    const args = transferArguments(direction, { path, bytes, direct: workload === 'direct' });
    return { tool: 'dd', args, parse: (text) => ({ mbps: parseRate(text), bytes }) };
  }
  const isSpill = workload === 'hadoop-spill';
  const moved = isSpill ? Math.min(bytes, MOST_SPILLED_BYTES) : bytes;
  return {
    tool: 'record-streams',
    args: recordArguments(isSpill ? 'spill' : direction, path, moved),
    parse: parseRecords,
  };
}

/** Lays out what is read later; past the disk's model, if there is a way. */
export function layOutArguments(path: string, bytes: number): string[] {
  return recordArguments('write', path, bytes);
}

function recordArguments(how: 'write' | 'read' | 'spill', path: string, bytes: number): string[] {
  return [how, path, String(TASKS), String(bytes)];
}

const RECORDS = /^(\d+) bytes in ([0-9.]+) s by \d+ tasks, (\d+) records damaged/m;

/** What came back damaged was not moved. */
export function parseRecords(text: string): Outcome {
  const match = RECORDS.exec(text);
  if (match === null) throw new Error(`record-streams said: ${text}`);
  const [bytes, seconds, damaged] = match.slice(1).map(Number) as [number, number, number];
  if (damaged > 0) throw new Error(`${damaged} records came back from the disk damaged`);
  return { mbps: bytes / seconds / 1e6, bytes };
}
