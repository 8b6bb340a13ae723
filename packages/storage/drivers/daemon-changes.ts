// Owns changing a volume under whoever has it open: its length and its limits.

import type { VolumeId } from '@ironbark/core/ids.ts';
import type { VolumeLimits } from '@ironbark/core/volume-types.ts';
import type { Clock } from '@ironbark/platform/clock.ts';
import type { QmpClient } from '@ironbark/platform/qmp.ts';
import { addMissingExports, endExport, listExports, VOLUME_EXPORT } from './daemon-graph.ts';
import { ensureLimits, LIMITED_NODE, topNode } from './daemon-limits.ts';

interface Served {
  qmp: QmpClient;
  id: VolumeId;
  clock: Clock;
}

/** QEMU's NBD export knows the length that it began with and keeps it, and refuses a resize of what it serves. */
export function growServed(served: Served, sizeBytes: number): Promise<void> {
  const { qmp } = served;
  return underEndedExport(served, async () => {
    await qmp.execute('block_resize', { 'node-name': await topNode(qmp), size: sizeBytes });
  });
}

export async function limitServed(served: Served, limits: VolumeLimits): Promise<void> {
  const { qmp } = served;
  await ensureLimits(qmp, limits);
  const node = (await listExports(qmp)).get(VOLUME_EXPORT);
  // An earlier version served it past the filter.
  if (node !== undefined && node !== LIMITED_NODE) await underEndedExport(served, async () => {});
}

/** Hosts are cut off, and find the volume again under the same name: they try again a second later. */
async function underEndedExport(
  { qmp, id, clock }: Served,
  change: () => Promise<void>,
): Promise<void> {
  const isExported = (await listExports(qmp)).has(VOLUME_EXPORT);
  if (isExported) await endExport(qmp, clock);
  try {
    await change();
  } finally {
    if (isExported) await addMissingExports(qmp, id);
  }
}
