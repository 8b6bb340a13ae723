// Owns what to do next about a volume. Pure: desired and observed in, steps out.
//
//   creating --make-key--create|fill|clone|create-empty--> ready --export--> exported --unexport--> ready --remove--> absent
//                                                    grow             grow, limit
//      '------- no room, snapshot damaged -------> failed -------------remove-------------'
//
// Of one that several instances may have, each has an opening of its own (openings.ts): open, close.
// One that was made empty has its bytes still to come, open or not: layer, start-fill, note-filled, unlayer. So it is with
// encrypted zeros. A clone is made independent of what it was cloned from, open or not: flatten, note-flat.

import type { NodeId } from '@ironbark/core/ids.ts';
import { sameLimits, type VolumeLimits } from '@ironbark/core/volume-types.ts';
import type { TargetFacts } from '@ironbark/protocol/internal/block-target.ts';
import type { CloneFacts } from '@ironbark/protocol/internal/staged-backend.ts';
import type { InstanceOpening } from '@ironbark/protocol/internal/storage-client.ts';
import { listLacking, listUnwanted, type Opening } from '../app/openings.ts';

export interface DesiredVolume {
  presence: 'present' | 'absent';
  sizeBytes: number;
  /** It could not become so long: it stays as it is. */
  hasFailedToGrow?: boolean;
  /** How far the snapshot is that a new volume starts with; undefined when it starts with zeros. */
  source?: 'unfinished' | 'complete' | 'unusable';
  exportTo?: NodeId;
  /** That one is on another host. */
  throughGate?: boolean;
  /** Instead, the instances that are each to have an opening of their own. */
  openTo?: InstanceOpening[];
  limits?: VolumeLimits;
  isEncrypted?: boolean;
  /** Its key is not made yet. */
  lacksKey?: boolean;
}

export interface ObservedVolume {
  /** What was recorded last. */
  state: 'creating' | 'ready' | 'absent' | 'failed';
  /** Undefined when the backend has no such volume. */
  sizeBytes?: number;
  target: TargetFacts;
  /** The node that the export was recorded for. */
  exportedTo?: NodeId;
  /** Which opening that is. */
  opening: number;
  /** Where to open it has been recorded too. */
  isExportRecorded: boolean;
  /** Recorded, of instances that have each one of their own. */
  openings?: Opening[];
  /** Snapshots that still have to be taken of it, or read from it. */
  unfinishedSnapshots: number;
  /** The target can lay a volume over what it is to begin with. */
  fillsLazily: boolean;
  /** It has all bytes of that. */
  isFilled: boolean;
  /** There is room among the volumes that are being filled. */
  mayFill: boolean;
  /** The storage has the point in time that it is to start with, and makes a volume of it at once. */
  mayClone?: boolean;
  /** Present while the storage may still read some of it from that point. */
  clone?: CloneFacts;
}

export type VolumeStep =
  | 'make-key'
  | 'create'
  | 'fill'
  | 'clone'
  | 'flatten'
  | 'note-flat'
  | 'create-empty'
  | 'layer'
  | 'start-fill'
  | 'note-filled'
  | 'unlayer'
  | 'note-ready'
  | 'note-lost'
  | 'note-source-unusable'
  | 'grow'
  | 'export'
  | 'limit'
  | 'unexport'
  | 'open'
  | 'close'
  | 'stop-target'
  | 'remove'
  | 'note-absent';

/** `wait`: nothing to do until something else has happened, which pokes. */
export type VolumePlan =
  | { kind: 'step'; step: VolumeStep }
  | { kind: 'wait' }
  | { kind: 'settled' };

const WAIT: VolumePlan = { kind: 'wait' };
const SETTLED: VolumePlan = { kind: 'settled' };

/** The next step alone: after each one the volume is looked at again. */
export function planVolume(desired: DesiredVolume, observed: ObservedVolume): VolumePlan {
  const wanted = desired.presence === 'present' && observed.state === 'ready';
  const openFor = wanted ? desired.exportTo : undefined;
  const isMine = openFor !== undefined && observed.exportedTo === openFor;
  if (isOpen(observed) && !isMine) return step('unexport');
  const openTo = wanted ? (desired.openTo ?? []) : [];
  if (listUnwanted(openTo, observed.openings ?? []).length > 0) return step('close');
  if (desired.presence === 'absent') return planAbsent(observed);
  if (observed.state === 'failed') return planIdle(observed);
  if (observed.state !== 'ready') return planMaking(desired, observed);
  if (observed.sizeBytes === undefined) return step('note-lost');
  const isShort = isShorter(desired, observed);
  // What holds a point in time cannot become longer under it.
  const mayGrow = isShort && observed.target.frozen.length === 0;
  // An encrypted one that was cut short in it is not opened before.
  if (mayGrow && desired.isEncrypted === true) return step('grow');
  const layer = planLayer(observed);
  if (layer !== undefined) return layer;
  // Before it grows: growth that fails keeps it from nobody.
  if (openFor !== undefined && !isServed(desired, observed)) return step('export');
  const { openings = [], target } = observed;
  if (listLacking(openTo, openings, target.openings ?? []).length > 0) return step('open');
  if (mayGrow) return step('grow');
  if (openFor === undefined && openTo.length === 0) {
    return planClone(observed) ?? (isShort ? WAIT : planIdle(observed));
  }
  if (isLimitedOtherwise(desired, observed)) return step('limit');
  // It is open by now: whoever copies has the image to itself until then.
  return planClone(observed) ?? (isShort ? WAIT : SETTLED);
}

function isServed(
  { throughGate = false }: DesiredVolume,
  { target, opening, isExportRecorded }: ObservedVolume,
): boolean {
  const isGated = target.isGated === true;
  if (isGated !== throughGate) return false;
  return target.exported && target.opening === opening && isExportRecorded;
}

/** Also when only the backend has grown, and the target has not been told. */
function isShorter(desired: DesiredVolume, observed: ObservedVolume): boolean {
  if (desired.hasFailedToGrow === true) return false;
  const { sizeBytes } = desired;
  const { sizeBytes: own = 0, target } = observed;
  return own < sizeBytes || (target.sizeBytes ?? own) < sizeBytes;
}

function isLimitedOtherwise({ limits }: DesiredVolume, { target }: ObservedVolume): boolean {
  if (limits === undefined) return false;
  return target.limits === undefined || !sameLimits(limits, target.limits);
}

/** Also true when the record says so and the target is gone: its end has to be made certain. */
function isOpen(observed: ObservedVolume): boolean {
  const { target, exportedTo } = observed;
  return target.exported || target.isGated === true || exportedTo !== undefined;
}

/** What stands between a volume and the last of its snapshot; the guest reads and writes meanwhile. */
function planLayer({ isFilled, target, mayFill }: ObservedVolume): VolumePlan | undefined {
  const { fill, frozen } = target;
  if (isFilled) return fill !== undefined && frozen.length === 0 ? step('unlayer') : undefined;
  if (fill === undefined) return step('layer');
  if (fill.state === 'done') return step('note-filled');
  return fill.state === 'idle' && mayFill ? step('start-fill') : undefined;
}

/** Its guest reads and writes meanwhile, too. */
function planClone({ clone }: ObservedVolume): VolumePlan | undefined {
  if (clone?.state === 'done') return step('note-flat');
  return clone?.state === 'idle' ? step('flatten') : undefined;
}

function planMaking(desired: DesiredVolume, observed: ObservedVolume): VolumePlan {
  if (observed.sizeBytes !== undefined) return step('note-ready');
  if (desired.lacksKey === true) return step('make-key');
  // A new file is zeros already, unless they are to be encrypted.
  const isZeros = desired.source === undefined;
  if (isZeros && !(desired.isEncrypted === true && observed.fillsLazily)) return step('create');
  if (isZeros) return step('create-empty');
  if (desired.source === 'unfinished') return WAIT;
  if (desired.source === 'unusable') return step('note-source-unusable');
  if (observed.mayClone === true) return step('clone');
  return step(observed.fillsLazily ? 'create-empty' : 'fill');
}

function planIdle(observed: ObservedVolume): VolumePlan {
  if (!observed.target.running || observed.target.fill !== undefined) return SETTLED;
  const held = observed.unfinishedSnapshots > 0 || observed.target.frozen.length > 0;
  return held ? SETTLED : step('stop-target');
}

function planAbsent(observed: ObservedVolume): VolumePlan {
  if (observed.state === 'absent') return SETTLED;
  if (observed.unfinishedSnapshots > 0 || observed.target.frozen.length > 0) return WAIT;
  if (observed.target.running) return step('stop-target');
  return step(observed.sizeBytes === undefined ? 'note-absent' : 'remove');
}

function step(name: VolumeStep): VolumePlan {
  return { kind: 'step', step: name };
}
