// Owns the tests of the short plans of the reconcilers, as tables.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { planIntent } from '../app/instance-intent.ts';
import { type OutcomeFacts, planOutcome } from '../app/instance-outcome.ts';
import { placeInstances } from '../app/place-instances.ts';
import { planPlacement } from './instance-placement.ts';
import { planTermination } from './instance-termination.ts';
import { planSnapshot } from './snapshot.ts';
import { planVolume } from './volume.ts';

const RUNNING: OutcomeFacts = {
  desiredPower: 'running',
  powerGeneration: 2,
  observedPower: 'running',
  observedGeneration: 2,
  observed: '{"reason":"no memory"}',
  shutdownBehavior: 'stop',
};

test('only an instance that is to run can end unasked, and one that is to be stopped with its node', () => {
  const cases: [Partial<OutcomeFacts>, object][] = [
    [{}, { kind: 'none' }],
    [{ observedPower: 'starting' }, { kind: 'none' }],
    [{ observedPower: 'stopped' }, { kind: 'shutdown', desiredPower: 'stopped' }],
    [
      { observedPower: 'stopped', shutdownBehavior: 'terminate' },
      { kind: 'shutdown', desiredPower: 'terminated' },
    ],
    [{ observedPower: 'stopped', observedGeneration: 1 }, { kind: 'none' }],
    [{ observedPower: 'failed' }, { kind: 'failed', reason: 'no memory' }],
    [
      { observedPower: 'failed', observed: '{}' },
      { kind: 'failed', reason: 'The node gave no reason.' },
    ],
    [
      { observedPower: 'terminated', observed: '{}' },
      { kind: 'failed', reason: 'The node no longer has the instance.' },
    ],
    [
      { observedPower: 'terminated', desiredPower: 'stopped', observed: '{"reason":"lost"}' },
      { kind: 'failed', reason: 'lost' },
    ],
    [{ observedPower: 'failed', desiredPower: 'stopped' }, { kind: 'none' }],
    [{ observedPower: 'stopped', desiredPower: 'stopped' }, { kind: 'none' }],
    [{ observedPower: 'terminated', desiredPower: 'terminated' }, { kind: 'none' }],
  ];
  for (const [values, expected] of cases) {
    assert.deepEqual(planOutcome({ ...RUNNING, ...values }), expected, JSON.stringify(values));
  }
});

test('an instance is released when its node says so or never had it, then forgotten', () => {
  const row = {
    desiredPower: 'terminated',
    nodeId: 'node-a',
    observedPower: 'running',
    terminatedAt: null,
    forgottenAt: null,
  } as const;
  const cases: [Partial<Parameters<typeof planTermination>[0]>, string][] = [
    [{ desiredPower: 'running' }, 'none'],
    [{ desiredPower: 'stopped', observedPower: 'terminated' }, 'none'],
    [{}, 'none'],
    [{ observedPower: 'terminated' }, 'release'],
    [{ nodeId: null, observedPower: null }, 'release'],
    [{ observedPower: 'terminated', terminatedAt: 1 }, 'forget'],
    [{ observedPower: 'terminated', terminatedAt: 1, forgottenAt: 2 }, 'none'],
  ];
  for (const [values, expected] of cases) {
    assert.equal(planTermination({ ...row, ...values }), expected, JSON.stringify(values));
  }
});

test('a start waits for its volumes, everything else is sent at once', () => {
  const instance = {
    nodeId: 'node-a',
    terminatedAt: null,
    desiredPower: 'running',
    observedPower: null,
    generation: 7,
  } as const;
  const missing = { volumeId: 'vol-1', desired: 'attached', offeredExport: null } as const;
  const present = { ...missing, offeredExport: '{}' };
  const leaving = { ...missing, desired: 'detached' } as const;
  const send = { kind: 'send', generation: 7 };
  const wait = { kind: 'wait', forVolumes: ['vol-1'] };
  const cases: [object, (typeof missing | typeof present | typeof leaving)[], object][] = [
    [{ nodeId: null }, [], { kind: 'none' }],
    [{ terminatedAt: 1 }, [], { kind: 'none' }],
    [{}, [], send],
    [{}, [missing], wait],
    [{ observedPower: 'stopped' }, [missing], wait],
    [{ observedPower: 'running' }, [missing], send],
    [{ desiredPower: 'stopped' }, [missing], send],
    [{ desiredPower: 'terminated' }, [missing], send],
    [{}, [present, leaving], send],
  ];
  for (const [values, attachments, expected] of cases) {
    assert.deepEqual(planIntent({ ...instance, ...values }, attachments), expected);
  }
});

test('a volume waits for its snapshots before it goes, a snapshot for its volumes', () => {
  const gone = {
    desired: 'absent',
    generation: 2,
    observedGeneration: 2,
    observedState: 'absent',
  } as const;
  assert.equal(planVolume({ ...gone, desired: 'present' }, 1), 'send');
  assert.equal(planVolume({ ...gone, observedGeneration: 1 }, 1), 'wait-for-snapshots');
  assert.equal(planVolume({ ...gone, observedState: 'ready' }, 0), 'send');
  assert.equal(planVolume(gone, 0), 'forget');
  const own = { ...gone, contentId: null, writeState: null, writeExpiresAt: null };
  assert.equal(planSnapshot({ ...own, desired: 'present' }, 1, 0), 'send');
  assert.equal(planSnapshot({ ...own, observedGeneration: 1 }, 1, 0), 'wait-for-readers');
  assert.equal(planSnapshot({ ...own, observedState: 'completed' }, 0, 0), 'send');
  assert.equal(planSnapshot(own, 0, 0), 'forget');
  // The storage is never told of a copy.
  const contentId = 'snap-00000000000000001' as const;
  const copy = { ...own, contentId, observedGeneration: 1 };
  assert.equal(planSnapshot({ ...copy, desired: 'present' }, 0, 0), 'settled');
  assert.equal(planSnapshot(copy, 1, 0), 'wait-for-readers');
  assert.equal(planSnapshot(copy, 0, 0), 'forget-copy');
});

test('a snapshot that nobody writes to any more is given up, unless it is complete', () => {
  const begun = {
    desired: 'present',
    generation: 1,
    observedGeneration: 1,
    observedState: 'pending',
    contentId: null,
    writeState: 'open',
    writeExpiresAt: 1_000,
  } as const;
  assert.equal(planSnapshot(begun, 0, 999), 'send');
  assert.equal(planSnapshot(begun, 0, 1_000), 'abandon');
  assert.equal(planSnapshot({ ...begun, writeState: 'sealed' }, 0, 2_000), 'send');
  assert.equal(planSnapshot({ ...begun, writeState: 'abandoned' }, 0, 2_000), 'send');
  assert.equal(planSnapshot({ ...begun, observedState: 'completed' }, 0, 2_000), 'send');
  assert.equal(planSnapshot({ ...begun, desired: 'absent' }, 0, 2_000), 'send');
});

test('an instance without a place waits, and fails when it has waited long enough', () => {
  const instance = {
    id: 'i-1',
    accountId: '1',
    vcpus: 1,
    memoryMib: 1,
    rootDiskBytes: 1,
    launchedAt: 1_000,
  } as const;
  const nowhere = placeInstances([instance], []);
  assert.deepEqual(planPlacement([instance], nowhere, 1_000), {
    placed: [],
    failed: [],
    waiting: 1,
  });
  const late = planPlacement([instance], nowhere, 1_000 + 2 * 60_000);
  assert.deepEqual(late, {
    placed: [],
    failed: [{ id: 'i-1', reason: 'No node has joined this zone yet.' }],
    waiting: 0,
  });
});
