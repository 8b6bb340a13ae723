import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type ObservedSnapshot, planSnapshot } from './plan-snapshot.ts';

const asked: ObservedSnapshot = {
  state: 'pending',
  isImport: false,
  isFrozen: false,
  isHeld: false,
  isUnwritten: false,
  isUploaded: false,
  hasObjects: false,
  hasUnknownBlocks: false,
  volume: 'ready',
  fillingVolumes: 0,
};
const held: ObservedSnapshot = { ...asked, isFrozen: true, isHeld: true, hasObjects: true };
const done: ObservedSnapshot = { ...held, state: 'completed', isHeld: false, isUploaded: true };
const failed: ObservedSnapshot = { ...held, state: 'failed', isHeld: false };
const begun: ObservedSnapshot = { ...asked, isFrozen: true, hasObjects: true };
const gone: ObservedSnapshot = { ...asked, state: 'absent' };

const imported: ObservedSnapshot = { ...asked, isImport: true, volume: 'missing' };

const cases: [string, 'present' | 'absent', ObservedSnapshot, string][] = [
  ['the point in time comes first', 'present', asked, 'freeze'],
  ['a crash before it was recorded repeats it', 'present', { ...asked, isHeld: true }, 'freeze'],
  ['a volume on the way is waited for', 'present', { ...asked, volume: 'making' }, 'wait'],
  ['a volume that is gone', 'present', { ...asked, volume: 'missing' }, 'fail-volume-missing'],
  ['upload', 'present', held, 'upload'],
  ['the manifest is last', 'present', { ...held, isUploaded: true }, 'complete'],
  ['an object is brought in', 'present', imported, 'import'],
  ['and again from its start', 'present', { ...imported, isFrozen: true }, 'import'],
  [
    'its manifest is last',
    'present',
    { ...imported, isFrozen: true, isUploaded: true },
    'complete',
  ],
  ['uploaded is enough', 'present', { ...held, isUploaded: true, isHeld: false }, 'complete'],
  ['a lost point fails it', 'present', { ...held, isHeld: false }, 'fail-point-lost'],
  ['unless nobody wrote', 'present', { ...held, isHeld: false, isUnwritten: true }, 'freeze'],
  [
    'one that the storage has kept is opened again',
    'present',
    { ...held, isHeld: false, point: 'needed' },
    'freeze',
  ],
  ['it is kept for the next', 'present', { ...done, point: 'needed' }, 'settled'],
  ['and dropped after that', 'present', { ...done, point: 'unneeded' }, 'drop-point'],
  ['not while it is open', 'present', { ...done, isHeld: true, point: 'unneeded' }, 'thaw'],
  [
    'it is dropped with the snapshot',
    'absent',
    { ...gone, state: 'completed', point: 'needed' },
    'drop-point',
  ],
  ['complete lets go', 'present', { ...done, isHeld: true }, 'thaw'],
  ['complete', 'present', done, 'settled'],
  ['restored', 'present', { ...done, hasUnknownBlocks: true }, 'rebuild-references'],
  [
    'what it refers to is known before it goes',
    'absent',
    { ...done, hasUnknownBlocks: true },
    'rebuild-references',
  ],
  ['failed lets go', 'present', { ...failed, isHeld: true }, 'thaw'],
  ['failed leaves no objects', 'present', failed, 'discard'],
  ['failed', 'present', { ...failed, hasObjects: false }, 'settled'],
  ['removal lets go', 'absent', held, 'thaw'],
  ['removal waits for volumes that read it', 'absent', { ...done, fillingVolumes: 1 }, 'wait'],
  ['removal of objects', 'absent', done, 'discard'],
  ['removal is noted', 'absent', { ...done, hasObjects: false }, 'note-absent'],
  ['removal before anything happened', 'absent', asked, 'note-absent'],
  ['gone is gone', 'absent', gone, 'settled'],
  ['one that is written begins', 'present', { ...asked, written: 'open' }, 'begin'],
  ['then waits for its writer', 'present', { ...begun, written: 'open' }, 'settled'],
  ['and is complete when that says so', 'present', { ...begun, written: 'sealed' }, 'complete'],
  ['without a block, too', 'present', { ...asked, written: 'sealed' }, 'begin'],
  ['given up', 'present', { ...begun, written: 'abandoned' }, 'fail-abandoned'],
  ['given up, its blocks go', 'present', { ...failed, written: 'abandoned' }, 'discard'],
  ['removed while it is written', 'absent', { ...begun, written: 'open' }, 'discard'],
];

for (const [name, presence, observed, expected] of cases) {
  test(`snapshot: ${name}`, () => {
    const plan = planSnapshot(presence, observed);
    assert.equal(plan.kind === 'step' ? plan.step : plan.kind, expected);
  });
}
