// Owns what a user sees of an image's state: it can be launched once the snapshots of its volumes are there.

import type { SnapshotId } from '@ironbark/core/ids.ts';
import type { ImageState } from '@ironbark/core/states.ts';
import type { ImageRow } from '../store/image-schema.ts';
import type { SnapshotRow } from '../store/schema.ts';
import { parseDevices } from './block-devices.ts';
import { viewSnapshotState } from './volume-view.ts';

export interface ImageView {
  state: Extract<ImageState, 'pending' | 'available' | 'failed'>;
  stateReason?: { code: string; message: string };
}

type Snapshot = Pick<SnapshotRow, 'id' | 'desired' | 'observedState' | 'observedReason'>;

/** `snapshots` are at least those that the image names. */
export function viewImage(
  image: Pick<ImageRow, 'stage' | 'failure' | 'devices'>,
  snapshots: ReadonlyMap<SnapshotId, Snapshot>,
): ImageView {
  if (image.stage === 'failed') return failed('Server.InternalError', image.failure ?? '');
  if (image.stage === 'stopping') return { state: 'pending' };
  const named = parseDevices(image).flatMap(({ snapshotId }) => snapshotId ?? []);
  const found = named.map((id) => ({ id, row: snapshots.get(id) }));
  const lost = found.find(({ row }) => row?.desired !== 'present');
  if (lost !== undefined) {
    return failed('Client.InvalidSnapshot.NotFound', `The snapshot '${lost.id}' does not exist.`);
  }
  const states = found.map(({ row }) => viewSnapshotState(row!));
  const broken = found[states.indexOf('error')];
  if (broken !== undefined) {
    const reason = broken.row?.observedReason ?? 'The storage gave no reason.';
    return failed('Server.InternalError', `The snapshot '${broken.id}' failed. ${reason}`);
  }
  return { state: states.includes('pending') ? 'pending' : 'available' };
}

function failed(code: string, message: string): ImageView {
  return { state: 'failed', stateReason: { code, message: `${code}: ${message}` } };
}
