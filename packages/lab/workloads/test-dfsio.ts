// Owns Hadoop's own I/O benchmark, TestDFSIO, in one process and on plain files: the line for a shell that runs it, and what
// it writes down. Pure.

import { MIB } from '@ironbark/core/units.ts';
import type { Direction } from '../paper/paper-rows.ts';

export interface DfsioFigures {
  /** MiB a second, as Hadoop counts: all bytes over the sum of the tasks' times. */
  throughput: number;
  /** Of the tasks' own rates. */
  averageRate: number;
  /** Of the whole job, with its start. */
  testSeconds: number;
}

export interface DfsioTransfer {
  direction: Direction;
  /** In all files. */
  bytes: number;
  /** For Java: its jars. */
  classPath: string;
  /** As a shell reads them, such as `"$PWD"`: where it works, and what it writes down. */
  folder: string;
  result: string;
}

/** As many tasks as the lab's own streams of records have; one after the other, which is Hadoop's default without a cluster. */
const FILES = 2;
const HEAP = '-Xmx512m';
const MAIN = 'org.apache.hadoop.fs.TestDFSIO';

/** `classPath` and paths are words of a shell already. */
export function dfsioCommand(transfer: DfsioTransfer): string {
  const { direction, bytes, classPath, folder, result } = transfer;
  return [
    ...['java', HEAP, '-cp', classPath, MAIN],
    ...['-D', 'fs.defaultFS=file:///', '-D', 'mapreduce.framework.name=local'],
    ...['-D', `test.build.data=${folder}/dfsio`, '-D', `hadoop.tmp.dir=${folder}/hadoop`],
    ...[`-${direction}`, '-nrFiles', String(FILES), '-size', `${bytes / FILES / MIB}MB`],
    ...['-resFile', result],
  ].join(' ');
}

const FIELDS = {
  throughput: /^\s*Throughput mb\/sec: ([0-9.]+)\s*$/m,
  averageRate: /^\s*Average IO rate mb\/sec: ([0-9.]+)\s*$/m,
  testSeconds: /^\s*Test exec time sec: ([0-9.]+)\s*$/m,
};

/** Of its file of results, which has a part for each test that was run. */
export function parseDfsio(text: string, direction: Direction): DfsioFigures {
  const part = text.split('----- TestDFSIO ----- : ').find((each) => each.startsWith(direction));
  const field = (pattern: RegExp): number => {
    const value = Number(pattern.exec(part ?? '')?.[1] ?? Number.NaN);
    if (Number.isFinite(value)) return value;
    throw new Error(`TestDFSIO said: ${text.trim().split('\n').at(-1) ?? ''}`);
  };
  return {
    throughput: field(FIELDS.throughput),
    averageRate: field(FIELDS.averageRate),
    testSeconds: field(FIELDS.testSeconds),
  };
}
