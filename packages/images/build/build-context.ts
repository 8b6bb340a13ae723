// Owns what every image build is given.

import type { Clock } from '@ironbark/platform/clock.ts';
import type { Commands } from '@ironbark/platform/commands.ts';
import type { Logger } from '@ironbark/platform/logger.ts';
import type { OnProgress } from './built-image.ts';

export interface BuildContext {
  /** Holds downloads and finished builds; several clouds of one host may share it. */
  workDir: string;
  commands: Commands;
  clock: Clock;
  logger: Logger;
  onProgress?: OnProgress;
  signal?: AbortSignal;
}
