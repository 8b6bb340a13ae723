import assert from 'node:assert/strict';
import { test } from 'node:test';
import { GIB } from '@ironbark/core/units.ts';
import { limitsOf } from '@ironbark/core/volume-types.ts';
import { type FillFacts, NO_TARGET } from '@ironbark/protocol/internal/block-target.ts';
import type { CloneFacts } from '@ironbark/protocol/internal/staged-backend.ts';
import { type DesiredVolume, type ObservedVolume, planVolume } from './plan-volume.ts';

const present: DesiredVolume = { presence: 'present', sizeBytes: GIB };
const absent: DesiredVolume = { presence: 'absent', sizeBytes: GIB };
const toA: DesiredVolume = { ...present, exportTo: 'node-a' };
const nothing: ObservedVolume = {
  state: 'creating',
  target: NO_TARGET,
  opening: 2,
  isExportRecorded: false,
  unfinishedSnapshots: 0,
  fillsLazily: false,
  isFilled: true,
  mayFill: true,
};
const made: ObservedVolume = { ...nothing, sizeBytes: GIB };
const ready: ObservedVolume = { ...made, state: 'ready' };
const running = { running: true, exported: false, frozen: [] };
const serving = { running: true, exported: true, opening: 2, frozen: [] };
const open: ObservedVolume = {
  ...ready,
  target: serving,
  exportedTo: 'node-a',
  isExportRecorded: true,
};
const frozen = { running: true, exported: false, frozen: ['snap-1' as const] };

const short = { ...serving, sizeBytes: GIB / 2 };
const larger = { ...present, sizeBytes: 2 * GIB };
const openAndFrozen = { ...open, target: { ...serving, frozen: frozen.frozen } };
const readyAndFrozen = { ...ready, target: frozen };
const limits = limitsOf({ type: 'gp2', sizeGib: 1 });
const limited = { ...serving, limits: structuredClone(limits) };
const faster = { ...serving, limits: limitsOf({ type: 'gp3', sizeGib: 1 }) };
const lazy: ObservedVolume = { ...ready, fillsLazily: true, isFilled: false };
const filling = (state: FillFacts['state']): ObservedVolume => ({
  ...lazy,
  target: { ...running, fill: { state, percent: 0 } },
});
const cloned = (state: CloneFacts['state']): ObservedVolume => ({
  ...ready,
  clone: { state, percent: 0 },
});
const fillingAndFrozen = {
  ...lazy,
  target: { ...frozen, fill: { state: 'running' as const, percent: 0 } },
};
const unexported = (observed: ObservedVolume): ObservedVolume => ({
  ...observed,
  target: { ...observed.target, exported: false },
});

const cases: [string, DesiredVolume, ObservedVolume, string][] = [
  ['a new volume is made', present, nothing, 'create'],
  ['a new volume from a snapshot is filled', { ...present, source: 'complete' }, nothing, 'fill'],
  [
    'the key of an encrypted one is made first',
    { ...present, lacksKey: true },
    nothing,
    'make-key',
  ],
  [
    'or made of a key alone, where zeros can be encrypted later',
    { ...present, isEncrypted: true },
    { ...nothing, fillsLazily: true },
    'create-empty',
  ],
  ['all of them are first where not', { ...present, isEncrypted: true }, nothing, 'create'],
  [
    'or made empty and filled later',
    { ...present, source: 'complete' },
    { ...nothing, fillsLazily: true },
    'create-empty',
  ],
  [
    'or cloned, where the storage has its point in time',
    { ...present, source: 'complete' },
    { ...nothing, mayClone: true },
    'clone',
  ],
  ['a clone is made independent', present, cloned('idle'), 'flatten'],
  ['it is opened first', toA, cloned('idle'), 'export'],
  [
    'then it is made independent too',
    toA,
    { ...open, clone: { state: 'idle', percent: 0 } },
    'flatten',
  ],
  ['it is opened meanwhile', toA, cloned('running'), 'export'],
  ['also when that fails', toA, cloned('failed'), 'export'],
  ['its end is written down', present, cloned('done'), 'note-flat'],
  ['a clone goes as every volume', absent, cloned('running'), 'remove'],
  ['it is laid over its snapshot before it is open', toA, lazy, 'layer'],
  ['a target that died is laid over it again', toA, { ...lazy, target: NO_TARGET }, 'layer'],
  ['filling begins', toA, filling('idle'), 'start-fill'],
  ['in its turn; it can be opened before', toA, { ...filling('idle'), mayFill: false }, 'export'],
  ['it can be opened while it is filled', toA, unexported(filling('running')), 'export'],
  ['it can be grown meanwhile', larger, filling('running'), 'grow'],
  ['what keeps it short has it go on filling', larger, fillingAndFrozen, 'wait'],
  [
    'an encrypted one is laid over nothing before it is grown',
    { ...larger, isEncrypted: true },
    { ...lazy, target: NO_TARGET },
    'grow',
  ],
  [
    'one that could not be grown is opened all the same',
    { ...larger, exportTo: 'node-a', isEncrypted: true, hasFailedToGrow: true },
    ready,
    'export',
  ],
  ['and not grown again for that wish', { ...larger, hasFailedToGrow: true }, ready, 'settled'],
  ['the target stays up for it', present, filling('running'), 'settled'],
  ['the end is written down', toA, filling('done'), 'note-filled'],
  ['then the layer goes', toA, { ...filling('done'), isFilled: true }, 'unlayer'],
  [
    'not below a point in time',
    present,
    { ...ready, target: { ...frozen, fill: { state: 'done', percent: 100 } } },
    'settled',
  ],
  ['what cannot be filled is served on', toA, unexported(filling('failed')), 'export'],
  ['removal does not wait for it', absent, filling('running'), 'stop-target'],
  ['it waits for the snapshot', { ...present, source: 'unfinished' }, nothing, 'wait'],
  [
    'a failed snapshot fails it',
    { ...present, source: 'unusable' },
    nothing,
    'note-source-unusable',
  ],
  ['a crash after making is noticed', present, made, 'note-ready'],
  ['nothing to do', present, ready, 'settled'],
  ['a file that is gone is never made anew', present, { ...nothing, state: 'ready' }, 'note-lost'],
  ['a longer volume is grown', { ...present, sizeBytes: 2 * GIB }, ready, 'grow'],
  ['a shorter wish changes nothing', { ...present, sizeBytes: 1 }, ready, 'settled'],
  [
    'what has no gate gets one before it is grown, which may fail',
    { ...toA, throughGate: true, sizeBytes: 2 * GIB },
    open,
    'export',
  ],
  ['a target that was not told is told', toA, { ...open, target: short }, 'grow'],
  ['a point in time keeps it short', larger, { ...ready, target: frozen }, 'wait'],
  ['and whoever has it open too', { ...larger, exportTo: 'node-a' }, openAndFrozen, 'wait'],
  ['it is opened all the same', { ...larger, exportTo: 'node-a' }, readyAndFrozen, 'export'],
  ['limits are set', { ...toA, limits }, open, 'limit'],
  ['others are changed', { ...toA, limits }, { ...open, target: faster }, 'limit'],
  ['the right ones stay', { ...toA, limits }, { ...open, target: limited }, 'settled'],
  ['limits that nobody set stay', toA, { ...open, target: limited }, 'settled'],
  ['limits wait for the export', { ...toA, limits }, ready, 'export'],
  ['export', toA, ready, 'export'],
  ['export again after the target died', toA, { ...open, target: NO_TARGET }, 'export'],
  [
    'export again when its place was not recorded',
    toA,
    { ...open, isExportRecorded: false },
    'export',
  ],
  ['exported is enough', toA, open, 'settled'],
  ['another node has to let go first', { ...present, exportTo: 'node-b' }, open, 'unexport'],
  ['nobody may open it any more', present, open, 'unexport'],
  ['a dead target is made sure of', present, { ...open, target: NO_TARGET }, 'unexport'],
  ['an export without a record is closed', present, { ...ready, target: serving }, 'unexport'],
  ['an idle target ends', present, { ...ready, target: running }, 'stop-target'],
  ['not while it holds a point in time', present, { ...ready, target: frozen }, 'settled'],
  [
    'not before one is taken',
    present,
    { ...ready, target: running, unfinishedSnapshots: 1 },
    'settled',
  ],
  ['removal closes it first', absent, open, 'unexport'],
  ['removal waits for snapshots', absent, { ...ready, unfinishedSnapshots: 1 }, 'wait'],
  ['removal waits for what is read', absent, { ...ready, target: frozen }, 'wait'],
  ['removal ends the target', absent, { ...ready, target: running }, 'stop-target'],
  ['removal', absent, ready, 'remove'],
  ['removal of what failed', absent, { ...nothing, state: 'failed' }, 'note-absent'],
  ['removal of what was never made', absent, nothing, 'note-absent'],
  ['gone is gone', absent, { ...nothing, state: 'absent' }, 'settled'],
  ['failed stays failed', toA, { ...nothing, state: 'failed' }, 'settled'],
  ['a volume that failed while open is closed', toA, { ...open, state: 'failed' }, 'unexport'],
];

for (const [name, desired, observed, expected] of cases) {
  test(`volume: ${name}`, () => {
    const plan = planVolume(desired, observed);
    assert.equal(plan.kind === 'step' ? plan.step : plan.kind, expected);
  });
}
