// Owns what to do next about a snapshot. Pure: desired and observed in, steps out.
//
//   pending --import, of an object--> all blocks stored
//   pending --freeze--> frozen --upload...--> all blocks stored --complete--> completed --thaw
//      '--- volume gone, point in time lost ---> failed --discard--'
//
// A point in time that the storage itself keeps outlives the daemon that it is read from: it is opened again, and dropped
// once neither the next snapshot nor a volume begins with it.
//
// One that is written block by block: pending --begin--> begun --complete--> completed, or abandoned --> failed

import type { SnapshotRow } from '../store/snapshots.ts';

export interface ObservedSnapshot {
  state: SnapshotRow['observed_state'];
  /** It is made of an object, not of a volume. */
  isImport: boolean;
  /** A point in time was recorded. */
  isFrozen: boolean;
  /** The target still holds it. */
  isHeld: boolean;
  /** Nobody could write to the volume at the point in time, nor since: now is as good as then. */
  isUnwritten: boolean;
  isUploaded: boolean;
  /** The object store may hold something of it. */
  hasObjects: boolean;
  volume: 'making' | 'ready' | 'missing';
  /** It is written block by block, not read from a volume. */
  written?: 'open' | 'sealed' | 'abandoned';
  /** Its references may be missing: its manifest has them. */
  hasUnknownBlocks: boolean;
  /** Volumes that are being filled from it. */
  fillingVolumes: number;
  /** Present while the storage itself keeps its point in time. */
  point?: 'needed' | 'unneeded';
}

export type SnapshotStep =
  | 'import'
  | 'freeze'
  | 'begin'
  | 'upload'
  | 'complete'
  | 'thaw'
  | 'drop-point'
  | 'fail-volume-missing'
  | 'fail-point-lost'
  | 'fail-abandoned'
  | 'discard'
  | 'rebuild-references'
  | 'note-absent';

export type SnapshotPlan =
  | { kind: 'step'; step: SnapshotStep }
  | { kind: 'wait' }
  | { kind: 'settled' };

const WAIT: SnapshotPlan = { kind: 'wait' };
const SETTLED: SnapshotPlan = { kind: 'settled' };

export function planSnapshot(
  presence: 'present' | 'absent',
  observed: ObservedSnapshot,
): SnapshotPlan {
  if (presence === 'absent') return planAbsent(observed);
  if (observed.state !== 'pending') return planEnded(observed);
  if (observed.written !== undefined) return planWritten(observed);
  if (observed.isFrozen && observed.isUploaded) return step('complete');
  if (observed.isImport) return step('import');
  if (observed.isFrozen && observed.isHeld) return step('upload');
  const isLost = !observed.isUnwritten && observed.point === undefined;
  if (observed.isFrozen && isLost) return step('fail-point-lost');
  if (observed.volume === 'missing') return step('fail-volume-missing');
  return observed.volume === 'making' ? WAIT : step('freeze');
}

/** Between its beginning and its end everything is its writer's. */
function planWritten({ written, isFrozen }: ObservedSnapshot): SnapshotPlan {
  if (written === 'abandoned') return step('fail-abandoned');
  if (!isFrozen) return step('begin');
  return written === 'sealed' ? step('complete') : SETTLED;
}

function planEnded(observed: ObservedSnapshot): SnapshotPlan {
  if (observed.isHeld) return step('thaw');
  if (observed.state === 'failed' && observed.hasObjects) return step('discard');
  if (observed.point === 'unneeded') return step('drop-point');
  const isLacking = observed.state === 'completed' && observed.hasUnknownBlocks;
  return isLacking ? step('rebuild-references') : SETTLED;
}

function planAbsent(observed: ObservedSnapshot): SnapshotPlan {
  if (observed.state === 'absent') return SETTLED;
  if (observed.isHeld) return step('thaw');
  if (observed.fillingVolumes > 0) return WAIT;
  if (observed.state === 'completed' && observed.hasUnknownBlocks)
    return step('rebuild-references');
  if (observed.hasObjects) return step('discard');
  return step(observed.point === undefined ? 'note-absent' : 'drop-point');
}

function step(name: SnapshotStep): SnapshotPlan {
  return { kind: 'step', step: name };
}
