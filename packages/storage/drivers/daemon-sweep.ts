// Owns what is done about storage daemons at a start, before anything else goes on: pid files lead to those that run, and
// what belongs to none of them goes.

import type { VolumeId } from '@ironbark/core/ids.ts';
import type { Logger } from '@ironbark/platform/logger.ts';
import type { TargetFacts } from '@ironbark/protocol/internal/block-target.ts';
import type { DaemonHost } from './daemon-host.ts';
import { endDaemon, findDaemon, scanDaemons, writePidFile } from './daemon-process.ts';
import { sweepOverwritten } from './overwritten-files.ts';

export async function sweepDaemons(
  host: DaemonHost & { logger: Logger },
  inspect: (id: VolumeId) => Promise<TargetFacts>,
): Promise<void> {
  const daemons = await scanDaemons(host);
  for (const { id, process } of daemons) {
    const known = await findDaemon(host, id);
    if (known === undefined) await writePidFile(host, id, process.pid);
    else if (known.pid !== process.pid) await endDaemon(host, process, { isAsked: false });
  }
  const ids = new Set(daemons.map(({ id }) => id));
  const frozen = await Promise.allSettled([...ids].map(inspect));
  const failed = frozen.find((each) => each.status === 'rejected');
  if (failed !== undefined) {
    // One that hangs must hold up neither the start nor the others; what it put aside is swept another time.
    host.logger.warn('storage daemon does not answer', { error: failed.reason });
    return;
  }
  const kept = frozen.flatMap((each) => (each.status === 'fulfilled' ? each.value.frozen : []));
  await sweepOverwritten(host, kept);
}
