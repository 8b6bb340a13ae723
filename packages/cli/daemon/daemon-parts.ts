// Owns what every part of the daemon is given.

import type { Clock } from '@ironbark/platform/clock.ts';
import type { Commands } from '@ironbark/platform/commands.ts';
import type { Logger } from '@ironbark/platform/logger.ts';
import type { RandomSource } from '@ironbark/platform/random.ts';
import type { CloudConfig } from '../cloud-config.ts';
import type { DataPaths } from './paths.ts';

export interface DaemonParts {
  config: CloudConfig;
  /** Of Ironbark. */
  version: string;
  paths: DataPaths;
  clock: Clock;
  random: RandomSource;
  logger: Logger;
  commands: Commands;
}
