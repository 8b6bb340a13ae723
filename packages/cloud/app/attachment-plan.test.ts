// Owns the tests of the way of a volume to its instance and back.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  type AttachmentFacts,
  type AttachmentStep,
  type InstanceFacts,
  planAttachment,
  type VolumeFacts,
} from './attachment-plan.ts';

const EXPORT = '{"kind":"nbd-unix"}';
const OTHER_EXPORT = '{"kind":"nbd-tcp"}';

const attachment: AttachmentFacts = {
  volumeId: 'vol-1',
  desired: 'attached',
  observed: 'attaching',
  force: 0,
  deleteOnTermination: 0,
  offeredExport: null,
  withdrawnGeneration: null,
  createdAt: 20,
};
const volume: VolumeFacts = {
  id: 'vol-1',
  generation: 1,
  observedGeneration: 1,
  observedState: 'ready',
  observedReason: null,
  desiredExportTo: null,
  observedExport: null,
  createdAt: 10,
};
const instance: InstanceFacts = {
  nodeId: 'node-a',
  desiredPower: 'running',
  hasRun: 1,
  generation: 3,
  observedGeneration: 3,
  observedPower: 'running',
  observed: null,
  terminatedAt: null,
};

const exported = { desiredExportTo: 'node-a', observedExport: EXPORT } as const;
const offered = { offeredExport: EXPORT } as const;
const detached = { desired: 'detached' } as const;

function sees(state: string, generation = 3): Partial<InstanceFacts> {
  const volumes = state === 'nothing' ? [] : [{ volumeId: 'vol-1', state }];
  return { observedGeneration: generation, observed: JSON.stringify({ volumes }) };
}

type Case = [
  string,
  Partial<AttachmentFacts>,
  Partial<VolumeFacts>,
  Partial<InstanceFacts> | undefined,
  AttachmentStep,
];

const WAIT: AttachmentStep = { kind: 'wait' };
const CASES: Case[] = [
  ['no node yet', {}, {}, { nodeId: null }, WAIT],
  ['first it is exported', {}, {}, {}, { kind: 'export', nodeId: 'node-a' }],
  ['being exported', {}, { ...exported, observedExport: null }, {}, WAIT],
  ['an old export does not count', {}, { ...exported, generation: 2 }, {}, WAIT],
  ['then offered', {}, exported, {}, { kind: 'offer', export: EXPORT }],
  [
    'offered again where the export has moved',
    { offeredExport: OTHER_EXPORT, observed: 'attached' },
    exported,
    sees('attached'),
    { kind: 'offer', export: EXPORT },
  ],
  ['the node opens it', offered, exported, sees('attaching'), WAIT],
  ['the node has it open', offered, exported, sees('attached'), { kind: 'mark-attached' }],
  ['at rest', { ...offered, observed: 'attached' }, exported, sees('attached'), WAIT],
  [
    'a stopped instance has it once its node took note',
    offered,
    exported,
    { observedPower: 'stopped' },
    { kind: 'mark-attached' },
  ],
  [
    'a launch whose volume failed fails',
    {},
    { observedState: 'failed', observedReason: 'no room' },
    { hasRun: 0 },
    { kind: 'fail-launch', reason: 'Volume vol-1 could not be made. no room' },
  ],
  ['detach: the node first', { ...detached, ...offered }, exported, {}, { kind: 'withdraw' }],
  [
    'detach: the node has not heard yet',
    { ...detached, withdrawnGeneration: 4 },
    exported,
    sees('attached'),
    WAIT,
  ],
  [
    'detach: the node still lists it',
    { ...detached, withdrawnGeneration: 3 },
    exported,
    sees('detaching'),
    WAIT,
  ],
  [
    'detach: then the storage',
    { ...detached, withdrawnGeneration: 3 },
    exported,
    sees('nothing'),
    { kind: 'unexport' },
  ],
  [
    'detach: until the storage has done so',
    { ...detached, withdrawnGeneration: 3 },
    { generation: 2, observedExport: EXPORT },
    sees('nothing'),
    WAIT,
  ],
  [
    'detach: done',
    { ...detached, withdrawnGeneration: 3 },
    {},
    sees('nothing'),
    { kind: 'finish', deleteVolume: false },
  ],
  ['detach before any offer', detached, exported, {}, { kind: 'unexport' }],
  [
    'detach by force waits for nobody',
    { ...detached, force: 1, withdrawnGeneration: 4 },
    exported,
    sees('attached'),
    { kind: 'unexport' },
  ],
  [
    'terminating: the node closes it by itself',
    offered,
    exported,
    { desiredPower: 'terminated', ...sees('attached') },
    WAIT,
  ],
  [
    'terminated: kept',
    offered,
    exported,
    { desiredPower: 'terminated', terminatedAt: 1 },
    { kind: 'unexport' },
  ],
  [
    'terminated: deleted with the instance',
    { ...offered, deleteOnTermination: 1 },
    exported,
    { desiredPower: 'terminated', terminatedAt: 1 },
    { kind: 'finish', deleteVolume: true },
  ],
  [
    'terminated while being detached: kept',
    { ...detached, deleteOnTermination: 1 },
    {},
    { desiredPower: 'terminated', terminatedAt: 1 },
    { kind: 'finish', deleteVolume: false },
  ],
  [
    'a launch that failed for want of a volume that was to stay: nothing is kept',
    { createdAt: 10 },
    { observedState: 'failed' },
    { hasRun: 0, desiredPower: 'terminated', terminatedAt: 1 },
    { kind: 'finish', deleteVolume: true },
  ],
  [
    'one that was there before and is lost: kept, so that its owner sees it',
    {},
    { observedState: 'failed' },
    { hasRun: 0, desiredPower: 'terminated', terminatedAt: 1 },
    { kind: 'finish', deleteVolume: false },
  ],
  ['the instance is forgotten', offered, exported, undefined, { kind: 'unexport' }],
  [
    'a failed volume has nothing to take back',
    detached,
    { observedState: 'failed', observedGeneration: 0 },
    {},
    { kind: 'finish', deleteVolume: false },
  ],
];

test('attachment: terminated while other instances have the volume: kept, and unexported for this one', () => {
  const row = { ...attachment, ...offered, deleteOnTermination: 1 } as const;
  const ended = { ...instance, desiredPower: 'terminated', terminatedAt: 1 } as const;
  const open = { ...volume, ...exported };
  const plan = (isShared: boolean) => planAttachment(row, open, ended, isShared);
  assert.deepEqual(plan(true), { kind: 'unexport' });
  assert.deepEqual(plan(false), { kind: 'finish', deleteVolume: true });
  const kept = planAttachment(row, volume, ended, true);
  assert.deepEqual(kept, { kind: 'finish', deleteVolume: false });
});

for (const [name, a, v, i, expected] of CASES) {
  test(`attachment: ${name}`, () => {
    const row = i === undefined ? undefined : { ...instance, ...i };
    const step = planAttachment({ ...attachment, ...a }, { ...volume, ...v }, row);
    assert.deepEqual(step, expected);
  });
}
