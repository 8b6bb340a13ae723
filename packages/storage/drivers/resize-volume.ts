// Owns telling a running daemon that its volume has grown.

import type { QmpClient } from '@ironbark/platform/qmp.ts';
import { topNode } from './daemon-limits.ts';
import { type VolumePlace, windowNode } from './volume-place.ts';

/** The window on a disk is opened further; what has a length of its own is told the new one. */
export async function resizeVolume(
  qmp: QmpClient,
  place: VolumePlace,
  sizeBytes: number,
): Promise<void> {
  if (place.kind === 'device') {
    await qmp.execute('blockdev-reopen', { options: [windowNode(sizeBytes)] });
  } else await qmp.execute('block_resize', { 'node-name': await topNode(qmp), size: sizeBytes });
}
