// Owns points in time of Ceph images, which are Ceph's own snapshots: `vol-x@snap-y`, and `vol-x@held-snap-y` of those
// that a backup holds for a while.

import { isResourceId, type SnapshotId, type VolumeId } from '@ironbark/core/ids.ts';
import type { ByteRange } from '@ironbark/protocol/internal/block-target.ts';
import type { StoragePoint } from '@ironbark/protocol/internal/staged-backend.ts';
import { ALREADY_THERE, cephUnavailable, NOT_FOUND, type RbdCommand } from './rbd-command.ts';
import { readChanges } from './rbd-diff.ts';

const HELD = 'held-';

export function pointName(snapshotId: SnapshotId, how: { isHeld: boolean }): string {
  return how.isHeld ? `${HELD}${snapshotId}` : snapshotId;
}

/** The one that has the image open to write takes it, between two writes. One that is there already is as good. */
export async function takePoint(
  rbd: RbdCommand,
  id: VolumeId,
  { name, mustBeNew }: { name: string; mustBeNew: boolean },
): Promise<void> {
  const args = ['snap', 'create', '--no-progress', rbd.imageSpec(id, name)];
  await rbd.attempt(args, mustBeNew ? [] : [ALREADY_THERE]);
}

/** Ceph keeps what clones of it need. */
export async function dropPoint(rbd: RbdCommand, id: VolumeId, name: string): Promise<void> {
  await rbd.attempt(['snap', 'rm', '--no-progress', rbd.imageSpec(id, name)], [NOT_FOUND]);
}

/** Oldest first, without those that are held. */
export async function listPoints(rbd: RbdCommand, id: VolumeId): Promise<SnapshotId[]> {
  const text = await rbd.run('rbd', ['snap', 'ls', '--format', 'json', rbd.imageSpec(id)]);
  const found = JSON.parse(text ?? '[]') as { id: number; name: string }[];
  return found
    .toSorted((one, other) => one.id - other.id)
    .map(({ name }) => name)
    .filter((name): name is SnapshotId => isResourceId('snap', name));
}

/** Of all volumes of the pool, held ones too. */
export async function listAllPoints(rbd: RbdCommand): Promise<StoragePoint[]> {
  const text = await rbd.must(['ls', '--long', '--format', 'json', '--pool', rbd.pool]);
  const found = JSON.parse(text) as { image: string; snapshot?: string }[];
  return found.flatMap(({ image, snapshot = '' }) => {
    const name = snapshot.startsWith(HELD) ? snapshot.slice(HELD.length) : snapshot;
    if (!isResourceId('vol', image) || !isResourceId('snap', name)) return [];
    return [{ id: image, snapshotId: name }];
  });
}

/**
 * Where a volume differs between two points in time, in Ceph's own pieces, of 4 MiB as a rule. Ceph's map of objects
 * says it, so that nothing of the volume is read.
 */
export async function comparePoints(
  rbd: RbdCommand,
  { id, from, to }: { id: VolumeId; from: SnapshotId; to: SnapshotId },
): Promise<ByteRange[]> {
  const how = ['--format', 'json', '--whole-object', '--from-snap', from];
  const process = await rbd.start(['diff', ...how, rbd.imageSpec(id, to)]);
  process.stderr.resume();
  try {
    const changes = await readChanges(process.stdout);
    const ending = await process.ended;
    if (ending === 0) return changes;
    throw cephUnavailable(new Error(`rbd diff ended with ${ending}`));
  } finally {
    process.kill('SIGKILL');
  }
}
