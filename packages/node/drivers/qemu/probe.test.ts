import assert from 'node:assert/strict';
import { test } from 'node:test';
import { kvmDeadlineMs } from './probe.ts';

test('KVM gets longer on a host that starts QEMU slowly, and never for ever', () => {
  const cases = [
    { startMs: 30, deadlineMs: 3_000 },
    { startMs: 150, deadlineMs: 3_000 },
    { startMs: 1_000, deadlineMs: 20_000 },
    { startMs: 60_000, deadlineMs: 30_000 },
  ];
  for (const { startMs, deadlineMs } of cases) assert.equal(kvmDeadlineMs(startMs), deadlineMs);
});
