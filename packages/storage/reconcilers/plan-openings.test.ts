// Owns the tests of what is planned for a volume that several instances may have.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { limitsOf } from '@ironbark/core/volume-types.ts';
import { NO_TARGET } from '@ironbark/protocol/internal/block-target.ts';
import type { Opening } from '../app/openings.ts';
import { type DesiredVolume, type ObservedVolume, planVolume } from './plan-volume.ts';

const GIB = 1024 ** 3;
const a = { instanceId: 'i-0000000000000000a', nodeId: 'node-a' } as const;
const b = { instanceId: 'i-0000000000000000b', nodeId: 'node-a' } as const;

function opening(who: typeof a | typeof b, number: number): Opening {
  const place = { kind: 'nbd-unix', socketPath: `/${number}`, exportName: 'vol-1' } as const;
  return { ...who, number, export: place };
}

const present: DesiredVolume = { presence: 'present', sizeBytes: GIB };
const toBoth: DesiredVolume = { ...present, openTo: [a, b] };
const toA: DesiredVolume = { ...present, openTo: [a] };
const ready: ObservedVolume = {
  state: 'ready',
  sizeBytes: GIB,
  target: NO_TARGET,
  opening: 0,
  isExportRecorded: false,
  unfinishedSnapshots: 0,
  fillsLazily: false,
  isFilled: true,
  mayFill: true,
};
const running = { running: true, exported: false, frozen: [] };
const openings = [opening(a, 1), opening(b, 2)];
const open: ObservedVolume = {
  ...ready,
  openings,
  target: { ...running, openings: [1, 2] },
};
const limits = limitsOf({ type: 'io2', sizeGib: 4, iops: 100 });
const asNode = {
  ...open,
  target: { ...open.target, exported: true },
  exportedTo: 'node-a',
} as const;

const CASES: [string, DesiredVolume, ObservedVolume, string][] = [
  ['each is let in', toBoth, ready, 'open'],
  ['both are in', toBoth, open, 'settled'],
  ['one is in, the other is to come', toBoth, { ...open, openings: [openings[0]!] }, 'open'],
  ['a relay died', toBoth, { ...open, target: { ...running, openings: [1] } }, 'open'],
  ['the daemon died', toBoth, { ...open, target: NO_TARGET }, 'open'],
  [
    'one was written down and never opened',
    toA,
    { ...open, openings: [{ ...a, number: 1 }] },
    'open',
  ],
  ['one is to leave', toA, open, 'close'],
  [
    'first one leaves, then another comes',
    { ...present, openTo: [b] },
    { ...open, openings: [openings[0]!] },
    'close',
  ],
  [
    'its instance is on another node',
    { ...present, openTo: [{ ...a, nodeId: 'node-b' }] },
    { ...open, openings: [openings[0]!] },
    'close',
  ],
  ['all are to leave', present, open, 'close'],
  ['also of a target that died', present, { ...open, target: NO_TARGET }, 'close'],
  ['removal closes all first', { ...present, presence: 'absent' }, open, 'close'],
  ['a volume that failed is closed', toBoth, { ...open, state: 'failed' }, 'close'],
  ['an opening for one alone goes first', toBoth, asNode, 'unexport'],
  ['and the other way round', { ...present, exportTo: 'node-a' }, open, 'close'],
  ['nobody has it: the target ends', present, { ...ready, target: running }, 'stop-target'],
  ['limits wait for all', { ...toBoth, limits }, ready, 'open'],
  ['limits are set', { ...toBoth, limits }, open, 'limit'],
  ['it grows under all', { ...toBoth, sizeBytes: 2 * GIB }, open, 'grow'],
  [
    'not below a point in time',
    { ...toBoth, sizeBytes: 2 * GIB },
    { ...open, target: { ...open.target, frozen: ['snap-1'] } },
    'wait',
  ],
];

for (const [name, desired, observed, expected] of CASES) {
  test(`shared volume: ${name}`, () => {
    const plan = planVolume(desired, observed);
    assert.equal(plan.kind === 'step' ? plan.step : plan.kind, expected);
  });
}
