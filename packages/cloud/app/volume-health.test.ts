import assert from 'node:assert/strict';
import { test } from 'node:test';
import { viewHealth } from './volume-health.ts';

const READY = {
  id: 'vol-0123456789abcdef0',
  observedState: 'ready',
  observedReason: null,
  awaySince: null,
} as const;
const ATTACHED = { instanceId: 'i-0123456789abcdef0' } as const;

test('a volume that is there and answers is ok, attached or not', () => {
  const ok = { status: 'ok', ioEnabled: 'passed', ioPerformance: 'normal' };
  assert.deepEqual(viewHealth(READY, undefined), ok);
  assert.deepEqual(viewHealth(READY, ATTACHED), ok);
});

test('one that is away stalls whoever has it attached, and nobody else', () => {
  const away = { ...READY, awaySince: 1_000 };
  const { status, ioEnabled, ioPerformance, event } = viewHealth(away, ATTACHED);
  assert.deepEqual([status, ioEnabled, ioPerformance], ['impaired', 'passed', 'stalled']);
  assert.deepEqual([event?.type, event?.since], ['io-performance:stalled', 1_000]);
  assert.notEqual(event?.id, viewHealth({ ...away, awaySince: 2_000 }, ATTACHED).event?.id);
  assert.equal(viewHealth(away, undefined).status, 'ok');
});

test('one whose bytes are lost has its I/O failed, and says why', () => {
  const lost = { ...READY, observedState: 'failed', observedReason: 'The disk is gone.' } as const;
  const { status, ioEnabled, event } = viewHealth(lost, ATTACHED);
  assert.deepEqual([status, ioEnabled], ['impaired', 'failed']);
  assert.deepEqual(
    [event?.type, event?.description],
    ['potential-data-inconsistency', 'The disk is gone.'],
  );
});

test('of one that is being made nothing is known', () => {
  for (const observedState of [null, 'creating', 'deleting'] as const) {
    assert.equal(viewHealth({ ...READY, observedState }, undefined).status, 'insufficient-data');
  }
});
