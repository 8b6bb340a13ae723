import assert from 'node:assert/strict';
import { test } from 'node:test';
import { kvmDeadlineMs } from './probe.ts';

test('KVM gets ten times what emulation takes on the same host, and never for ever', () => {
  const cases = [
    { emulatedMs: 30, deadlineMs: 1_000 },
    { emulatedMs: 150, deadlineMs: 1_500 },
    { emulatedMs: 1_000, deadlineMs: 10_000 },
    { emulatedMs: 60_000, deadlineMs: 30_000 },
  ];
  for (const { emulatedMs, deadlineMs } of cases)
    assert.equal(kvmDeadlineMs(emulatedMs), deadlineMs);
});
