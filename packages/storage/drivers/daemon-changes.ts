// Owns changing a volume under whoever has it open: its length and its limits.

import type { VolumeId } from '@ironbark/core/ids.ts';
import type { VolumeLimits } from '@ironbark/core/volume-types.ts';
import type { Clock } from '@ironbark/platform/clock.ts';
import type { QmpClient } from '@ironbark/platform/qmp.ts';
import { pauseFill } from './daemon-fill.ts';
import { closeExports, listExports, listForHosts, underClosedExport } from './daemon-graph.ts';
import type { DaemonHost } from './daemon-host.ts';
import { growMap } from './daemon-layer.ts';
import { ensureLimits, LIMITED_NODE, topNode } from './daemon-limits.ts';
import { windowNode } from './volume-place.ts';

interface Served {
  qmp: QmpClient;
  volumeId: VolumeId;
  clock: Clock;
}

/** QEMU's NBD export knows the length that it began with and keeps it, and refuses a resize of what it serves. */
export async function growServed(
  host: DaemonHost,
  served: Served,
  sizeBytes: number,
): Promise<void> {
  const { qmp } = served;
  const place = await host.findPlace(served.volumeId);
  await growMap(host, served.volumeId, sizeBytes);
  // A job holds the length of what it works on; whoever looks next begins another.
  await pauseFill(qmp, served.clock);
  await underClosedExport(qmp, served, async () => {
    // The window on a disk is opened further; what has a length of its own is told the new one.
    if (place.kind === 'device') {
      await qmp.execute('blockdev-reopen', { options: [windowNode(sizeBytes)] });
    } else await qmp.execute('block_resize', { 'node-name': await topNode(qmp), size: sizeBytes });
  });
}

/**
 * Before a daemon is replaced. One that has a map keeps some of it in memory: what it has answered and was not asked to
 * flush is lost when it is killed, and it would be if a block of the snapshot had it hang.
 */
export async function finishRequests(served: Served): Promise<void> {
  await pauseFill(served.qmp, served.clock);
  await closeExports(served.qmp, served);
}

export async function limitServed(served: Served, limits: VolumeLimits): Promise<void> {
  const { qmp } = served;
  await ensureLimits(qmp, limits);
  const exports = await listExports(qmp);
  // An earlier version served it past the filter.
  if (listForHosts(exports.keys()).some((id) => exports.get(id) !== LIMITED_NODE))
    await underClosedExport(qmp, served, async () => {});
}
