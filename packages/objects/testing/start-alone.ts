// Owns Walrus by itself for tests: nobody but the cloud uses it.

import { systemClock } from '@ironbark/platform/clock.ts';
import { silentLogger } from '@ironbark/platform/logger.ts';
import { systemRandom } from '@ironbark/platform/random.ts';
import { type Objects, type ObjectsOptions, startObjects } from '../main.ts';

export function startAlone(
  dataDir: string,
  options: Pick<ObjectsOptions, 'logFileBytes'> & Partial<Pick<ObjectsOptions, 'logger'>> = {},
): Promise<Objects> {
  return startObjects({
    dataDir,
    identity: { findAccessKey: async () => undefined },
    region: 'local',
    clock: systemClock,
    random: systemRandom,
    logger: silentLogger,
    systemAccountId: '000000000000',
    ...options,
  });
}
