// Owns what a run hands on: its rows, and what they were measured with. It is the JSON of the command.

import type { NetworkResult } from '../network/network-result.ts';
import type { RowResult } from '../run/row-result.ts';
import type { Testbed } from '../testbeds.ts';

export interface RunReport {
  format: 'ironbark-lab/1';
  startedAt: string;
  tookSeconds: number;
  /** True when it was ended before its last row. */
  isInterrupted: boolean;
  /** What kept it from going on, such as a full disk; rows without figures say so too. */
  failure?: string;
  /** The name of what it was measured on. */
  profile: string;
  testbed: Testbed;
  sizeBytes: number;
  repeat: number;
  environment: RunEnvironment;
  rows: RowResult[];
  network: NetworkResult[];
  /** Seconds from QEMU's start to a guest that takes commands, of each guest of the run. */
  bootSeconds: number[];
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
