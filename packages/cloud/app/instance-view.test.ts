// Owns the tests of what users see of an instance.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { InstanceState } from '@ironbark/core/states.ts';
import { type ViewedInstance, viewInstance, viewState } from './instance-view.ts';

const LAUNCHED: ViewedInstance = {
  desiredPower: 'running',
  powerGeneration: 1,
  nodeId: 'node-a',
  observedPower: null,
  observedGeneration: 0,
  shutdownBehavior: 'stop',
  terminatedAt: null,
  transitionReason: '',
  stateReasonCode: null,
  stateReasonMessage: null,
};

test('the state follows from what is desired and what is observed', () => {
  const cases: [Partial<ViewedInstance>, InstanceState][] = [
    [{ nodeId: null }, 'pending'],
    [{}, 'pending'],
    [{ observedPower: 'preparing' }, 'pending'],
    [{ observedPower: 'starting' }, 'pending'],
    [{ observedPower: 'running' }, 'running'],
    [{ observedPower: 'running', observedGeneration: 1, powerGeneration: 1 }, 'running'],
    [{ observedPower: 'failed', observedGeneration: 1 }, 'pending'],
    // A start after a stop: the old observation is still there.
    [{ observedPower: 'stopped', observedGeneration: 2, powerGeneration: 3 }, 'pending'],
    [{ observedPower: 'stopping', observedGeneration: 2, powerGeneration: 3 }, 'pending'],
    // It is powering itself off.
    [{ observedPower: 'stopping', observedGeneration: 1 }, 'stopping'],
    [
      { observedPower: 'stopping', observedGeneration: 1, shutdownBehavior: 'terminate' },
      'shutting-down',
    ],
    // It has powered itself off, and nobody has taken note of that yet.
    [{ observedPower: 'stopped', observedGeneration: 1 }, 'stopping'],
    [
      { observedPower: 'stopped', observedGeneration: 1, shutdownBehavior: 'terminate' },
      'shutting-down',
    ],
    [{ desiredPower: 'stopped', observedPower: 'running', powerGeneration: 2 }, 'stopping'],
    [{ desiredPower: 'stopped', observedPower: 'stopping', powerGeneration: 2 }, 'stopping'],
    [
      {
        desiredPower: 'stopped',
        observedPower: 'stopped',
        observedGeneration: 1,
        powerGeneration: 2,
      },
      'stopping',
    ],
    [
      {
        desiredPower: 'stopped',
        observedPower: 'stopped',
        observedGeneration: 2,
        powerGeneration: 2,
      },
      'stopped',
    ],
    // Later changes that a stopped guest has not taken note of do not make it stop again.
    [
      {
        desiredPower: 'stopped',
        observedPower: 'stopped',
        observedGeneration: 2,
        powerGeneration: 2,
      },
      'stopped',
    ],
    [{ desiredPower: 'stopped', nodeId: null }, 'stopped'],
    [{ desiredPower: 'terminated', observedPower: 'running' }, 'shutting-down'],
    [{ desiredPower: 'terminated', observedPower: 'terminated' }, 'shutting-down'],
    [{ desiredPower: 'terminated', terminatedAt: 5 }, 'terminated'],
  ];
  for (const [values, expected] of cases) {
    assert.equal(viewState({ ...LAUNCHED, ...values }), expected, JSON.stringify(values));
  }
});

test('a pending instance says so, a failed one says why', () => {
  assert.deepEqual(viewInstance(LAUNCHED).stateReason, { code: 'pending', message: 'pending' });
  assert.equal(viewInstance({ ...LAUNCHED, observedPower: 'running' }).stateReason, undefined);
  const failed = { ...LAUNCHED, desiredPower: 'terminated', stateReasonCode: 'Server.X' } as const;
  assert.deepEqual(viewInstance({ ...failed, stateReasonMessage: 'Server.X: why' }).stateReason, {
    code: 'Server.X',
    message: 'Server.X: why',
  });
});
