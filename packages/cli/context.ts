// Owns what every command is given.

import type { Clock } from '@ironbark/platform/clock.ts';
import type { Commands } from '@ironbark/platform/commands.ts';
import type { RandomSource } from '@ironbark/platform/random.ts';
import type { Terminal } from './terminal.ts';

export interface CliContext {
  clock: Clock;
  random: RandomSource;
  commands: Commands;
  terminal: Terminal;
  /** Where the cloud of this call keeps everything. */
  dataDir: string;
  /** The one cloud of this user that needs no `--data-dir`. */
  isDefaultCloud: boolean;
  /** As this process was given it, for those that work for the person: ssh, and programs on the host. */
  environment: Readonly<Record<string, string>>;
  /** What can be made again: image builds, the private Node. */
  cacheDir: string;
  /** The checkout. */
  projectDir: string;
  version: string;
  isRoot: boolean;
  /**
   * From now on Ctrl-C, or a wish to end, only aborts the signal, so that a command can leave things as they were. A
   * second one ends it at once.
   */
  takeInterrupts(): AbortSignal;
  /** How the person called us, for advice that can be pasted. */
  self: string;
}
