// Owns what may be asked of a measurement on demand.

import type { Direction } from '../paper/paper-rows.ts';

export type MeasureWorkload = 'dd' | 'hadoop' | 'fio' | 'testdfsio';

export const MEASURE_WORKLOADS: readonly MeasureWorkload[] = ['dd', 'hadoop', 'fio', 'testdfsio'];

export interface MeasurePlan {
  workload: MeasureWorkload;
  directions: readonly Direction[];
  sizeBytes: number;
  /** Of fio's jobs. */
  seconds: number;
  /** A device or file that is measured instead of a file of our own. */
  inPlace?: string;
  /** A folder at the place with Hadoop's jars. */
  hadoopJars?: string;
  /** The lab's program for streams of records, where it is needed. */
  program?: string;
}
