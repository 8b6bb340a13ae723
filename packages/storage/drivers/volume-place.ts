// Owns what a volume's daemon opens: the bottom of its graph, by the backend that has the volume's bytes.

import type { VolumeId } from '@ironbark/core/ids.ts';
import { DAEMON_DIRECTORIES, type Engine, FILE_NODE, volumePath } from './daemon-arguments.ts';

export type VolumePlace =
  | { kind: 'file' }
  /** A whole disk, of which the volume is the first bytes. */
  | { kind: 'device'; rdev: number; sizeBytes: number };

export type FindPlace = (id: VolumeId) => Promise<VolumePlace>;

/** Where an enclosed daemon finds its disk, which is mounted there for it alone. */
export const ENCLOSED_DEVICE = '/dev/volume';
/** Below the node that is everywhere taken for the volume's file. */
export const DEVICE_NODE = 'device';

/** The disk's number under a name of ours, which nothing on the host gives other owners. */
export function deviceNodePath(id: VolumeId): string {
  return `${DAEMON_DIRECTORIES.devices}/${id}`;
}

/** Arguments of `--blockdev` that end in the node FILE_NODE, as long as the volume and no longer. */
export function bottomNodes(
  id: VolumeId,
  place: VolumePlace,
  options: { engine: Engine; isEnclosed: boolean },
): Record<string, unknown>[] {
  const { aio, direct } = options.engine;
  const how = { aio, cache: { direct }, discard: 'unmap' };
  if (place.kind === 'file') {
    return [{ driver: 'file', 'node-name': FILE_NODE, filename: volumePath(id), ...how }];
  }
  const filename = options.isEnclosed ? ENCLOSED_DEVICE : deviceNodePath(id);
  const device = { driver: 'host_device', 'node-name': DEVICE_NODE, filename, ...how };
  return [device, windowNode(place.sizeBytes)];
}

/** What of a disk is the volume; nobody above reaches the rest. */
export function windowNode(sizeBytes: number): Record<string, unknown> {
  const window = { driver: 'raw', 'node-name': FILE_NODE, file: DEVICE_NODE, size: sizeBytes };
  return { ...window, offset: 0, discard: 'unmap' };
}
