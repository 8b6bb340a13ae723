// Owns what a run hands on: its rows, and what they were measured with. It is the JSON of the command.

import type { RowResult } from '../run/row-result.ts';

export interface RunReport {
  format: 'ironbark-lab/1';
  startedAt: string;
  tookSeconds: number;
  /** True when it was ended before its last row. */
  isInterrupted: boolean;
  testbed: string;
  sizeBytes: number;
  repeat: number;
  environment: RunEnvironment;
  rows: RowResult[];
}

export interface RunEnvironment {
  host: string;
  kernel: string;
  processors: number;
  /** Of the last minute, when the run began and when it had ended. */
  load: [before: number, after: number];
  hypervisor: string;
  /** How guests run here, and why so. */
  acceleration: string;
}
