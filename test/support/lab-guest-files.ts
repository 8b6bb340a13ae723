// Owns the lab's guest as tests and benchmarks boot it: built once, and kept where the command line keeps it.

import { join } from 'node:path';
import { buildLabGuest, type LabGuestFiles } from '@ironbark/images/lab/build-lab-guest.ts';
import { systemClock } from '@ironbark/platform/clock.ts';
import { systemCommands } from '@ironbark/platform/commands.ts';
import { createLogger } from '@ironbark/platform/logger.ts';
import { CACHE_FOLDER } from './cache-folder.ts';

export async function builtLabGuest(): Promise<LabGuestFiles> {
  return await buildLabGuest({
    workDir: join(CACHE_FOLDER, 'images'),
    commands: systemCommands,
    clock: systemClock,
    logger: createLogger({ write: () => {}, nowMs: () => systemClock.nowMs() }),
  });
}
