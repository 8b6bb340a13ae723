// Owns the test of when a guest is told that its volume has grown.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { InstanceIntent } from '@ironbark/protocol/internal/instance-messages.ts';
import { applyStep } from './apply-step.ts';
import type { InstanceContext } from './instance-context.ts';

const VOLUME = 'vol-00000000000000001';

test('a guest asks nothing of a gate that is shorter than its volume', async () => {
  const source = { kind: 'nbd-unix', socketPath: '/x', exportName: VOLUME } as const;
  const volumes = [{ volumeId: VOLUME, source, sizeBytes: 2 }];
  const intent = { id: 'i-00000000000000001', volumes } as unknown as InstanceIntent;
  let length = 1;
  const grown: string[] = [];
  const context = {
    gates: { isLongEnough: ({ sizeBytes }: { sizeBytes: number }) => length >= sizeBytes },
    records: { find: () => ({ handle: {} }) },
    driver: { growDisk: async () => void grown.push(VOLUME) },
  } as unknown as InstanceContext;
  const step = { kind: 'grow-volume', volumeId: VOLUME } as const;
  await assert.rejects(applyStep(context, intent, step), { kind: 'unavailable' });
  assert.deepEqual(grown, []);
  length = 2;
  await applyStep(context, intent, step);
  assert.deepEqual(grown, [VOLUME]);
});
