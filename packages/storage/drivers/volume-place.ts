// Owns what a volume's daemon opens: the bottom of its graph, by the backend that has the volume's bytes.

import type { VolumeId } from '@ironbark/core/ids.ts';
import {
  CIPHER_NODE,
  DAEMON_DIRECTORIES,
  daemonPaths,
  type Engine,
  FILE_NODE,
  volumePath,
} from './daemon-arguments.ts';
import type { CephSettings } from './rbd-command.ts';

export type VolumePlace =
  | { kind: 'file' }
  /** A whole disk, of which the volume is the first bytes. */
  | { kind: 'device'; rdev: number; sizeBytes: number }
  | RbdPlace;

/** An image of a Ceph pool, which QEMU opens itself. */
export interface RbdPlace {
  kind: 'rbd';
  ceph: CephSettings;
  image: VolumeId;
}

export type FindPlace = (id: VolumeId) => Promise<VolumePlace>;

/** Where an enclosed daemon finds its disk, which is mounted there for it alone. */
export const ENCLOSED_DEVICE = '/dev/volume';
/** Below the node that is everywhere taken for the volume's file. */
export const DEVICE_NODE = 'device';

/** The disk's number under a name of ours, which nothing on the host gives other owners. */
export function deviceNodePath(id: VolumeId): string {
  return `${DAEMON_DIRECTORIES.devices}/${id}`;
}

/**
 * Arguments of `--blockdev` that end in the node FILE_NODE, as long as the volume and no longer; of an encrypted volume
 * in CIPHER_NODE.
 */
export function bottomNodes(
  id: VolumeId,
  place: VolumePlace,
  options: { engine: Engine; isEnclosed: boolean; isSealed: boolean },
): Record<string, unknown>[] {
  const nodes = placeNodes(id, place, options);
  const last = options.isSealed ? CIPHER_NODE : FILE_NODE;
  return [...nodes.slice(0, -1), { ...nodes.at(-1), 'node-name': last }];
}

function placeNodes(
  id: VolumeId,
  place: VolumePlace,
  options: { engine: Engine; isEnclosed: boolean },
): Record<string, unknown>[] {
  const { aio, direct } = options.engine;
  const how = { aio, cache: { direct }, discard: 'unmap' };
  if (place.kind === 'file') {
    return [{ driver: 'file', 'node-name': FILE_NODE, filename: volumePath(id), ...how }];
  }
  if (place.kind === 'rbd') {
    return [{ ...rbdNode(id, place), 'node-name': FILE_NODE, discard: 'unmap' }];
  }
  const filename = options.isEnclosed ? ENCLOSED_DEVICE : deviceNodePath(id);
  const device = { driver: 'host_device', 'node-name': DEVICE_NODE, filename, ...how };
  return [device, windowNode(place.sizeBytes)];
}

/** Its configuration lies in the daemon's own folder and names the key, which lies there too. */
export function rbdNode(id: VolumeId, { ceph, image }: RbdPlace): Record<string, unknown> {
  return { driver: 'rbd', pool: ceph.pool, image, user: ceph.user, conf: cephConfPath(id) };
}

export function cephConfPath(id: VolumeId): string {
  return `${daemonPaths(id).directory}/ceph.conf`;
}

export function cephKeyringPath(id: VolumeId): string {
  return `${daemonPaths(id).directory}/ceph.keyring`;
}

/** What of a disk is the volume; nobody above reaches the rest. */
export function windowNode(sizeBytes: number): Record<string, unknown> {
  const window = { driver: 'raw', 'node-name': FILE_NODE, file: DEVICE_NODE, size: sizeBytes };
  return { ...window, offset: 0, discard: 'unmap' };
}
