// Which volumes get a gate, and what is done when it should not be there, or be another one.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type {
  BlockTarget,
  Opening,
  TargetFacts,
} from '@ironbark/protocol/internal/block-target.ts';
import type { NbdGates } from '@ironbark/protocol/internal/nbd-gates.ts';
import { gatedTarget } from './drivers/gated-target.ts';
import { type ObservedVolume, planVolume } from './reconcilers/plan-volume.ts';
import { volumeId } from './testing/harness.ts';

const VOLUME = volumeId(1);
const SERVED: TargetFacts = { running: true, exported: true, opening: 3, frozen: [], sizeBytes: 1 };
const OPEN: ObservedVolume = {
  state: 'ready',
  sizeBytes: 1,
  target: { ...SERVED, isGated: true },
  exportedTo: 'node-far',
  opening: 3,
  isExportRecorded: true,
  unfinishedSnapshots: 0,
  fillsLazily: true,
  isFilled: true,
  mayFill: true,
};
const FAR = { presence: 'present', sizeBytes: 1, exportTo: 'node-far', throughGate: true } as const;
const CLOSED = { ...OPEN, target: SERVED };

for (const [what, desired, observed, step] of [
  ['is open as it should be', FAR, OPEN, undefined],
  ['has lost its gate', FAR, CLOSED, 'export'],
  ['is of another node now', { ...FAR, exportTo: 'node-other' }, OPEN, 'unexport'],
  ['is of nobody now', { presence: 'present', sizeBytes: 1 }, OPEN, 'unexport'],
  [
    'has a gate that nobody knows of',
    { presence: 'present', sizeBytes: 1 },
    strayGate(),
    'unexport',
  ],
  ['is of a node of this host', { ...FAR, throughGate: false }, OPEN, 'export'],
] as const) {
  test(`a volume that ${what}: ${step ?? 'nothing to do'}`, () => {
    const plan = planVolume(desired, observed);
    assert.deepEqual(plan, step === undefined ? { kind: 'settled' } : { kind: 'step', step });
  });
}

function strayGate(): ObservedVolume {
  const { exportedTo: _, ...closed } = OPEN;
  return { ...closed, target: { running: false, exported: false, frozen: [], isGated: true } };
}

test('the gate opens after the volume and closes before it', async () => {
  const done: string[] = [];
  const target = gatedTarget(belowThat(done), gatesThat(done));
  const how: Opening = { opening: 3, gateAddress: '198.51.100.1' };
  assert.deepEqual((await target.export(VOLUME, how)).export, {
    kind: 'nbd-gate',
    exportName: VOLUME,
    opening: 3,
  });
  await target.unexport(VOLUME);
  await target.stop(VOLUME);
  await target.grow(VOLUME, 2);
  await target.export(VOLUME, { opening: 4 });
  assert.deepEqual(done, [
    ...['export', 'open 198.51.100.1 1'],
    ...['close', 'unexport'],
    ...['close', 'stop'],
    ...['grow', 'end'],
    ...['close', 'export'],
  ]);
});

test('a gate that is shorter than its volume counts as none, and is closed all the same', async () => {
  const seen = async (served: TargetFacts, sizeBytes: number) => {
    const below = { inspect: async () => served } as Partial<BlockTarget> as BlockTarget;
    const access = { port: 1, user: 'attachment', key: '', sizeBytes };
    const gates = { ...gatesThat([]), isThere: async () => true, find: async () => access };
    return (await gatedTarget(below, gates).inspect(VOLUME)).isGated === true;
  };
  assert.equal(await seen({ ...SERVED, sizeBytes: 2 }, 1), false);
  assert.equal(await seen({ ...SERVED, sizeBytes: 2 }, 2), true);
  assert.equal(await seen({ running: false, exported: false, frozen: [] }, 1), true);
});

function belowThat(done: string[]): BlockTarget {
  const note = (what: string) => async () => void done.push(what);
  const exported = async () => {
    done.push('export');
    const place = { kind: 'nbd-unix', socketPath: '/x', exportName: VOLUME } as const;
    return { export: place, engine: 'threads,cached' };
  };
  const work = { unexport: note('unexport'), stop: note('stop'), grow: note('grow') };
  return {
    ...work,
    export: exported,
    inspect: async () => SERVED,
  } as Partial<BlockTarget> as BlockTarget;
}

function gatesThat(done: string[]): NbdGates {
  return {
    open: async (id, { address, sizeBytes }) => {
      done.push(`open ${address} ${sizeBytes}`);
      const place = { kind: 'nbd-tcp', host: address, port: 1, exportName: id } as const;
      return { export: place, user: 'attachment', key: '' };
    },
    close: async () => void done.push('close'),
    end: async () => void done.push('end'),
    list: async () => [],
    isThere: async () => false,
    find: async () => undefined,
    onExit: () => () => {},
    detach: () => {},
  };
}
