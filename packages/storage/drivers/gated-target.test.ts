// Owns the tests of what happens to a gate when the target below does something.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { VolumeId } from '@ironbark/core/ids.ts';
import type { BlockTarget, TargetFacts } from '@ironbark/protocol/internal/block-target.ts';
import type { NbdGates } from '@ironbark/protocol/internal/nbd-gates.ts';
import { gatedTarget } from './gated-target.ts';

const VOLUME: VolumeId = 'vol-00000000000000001';

test('growth that fails leaves the gate as it is, and one that succeeds ends it', async () => {
  const done: string[] = [];
  let isFull = true;
  const grow = async () => {
    if (isFull) throw new Error('no room');
    done.push('grow');
  };
  const end = async () => void done.push('end');
  const target = gatedTarget(
    { grow } as Partial<BlockTarget> as BlockTarget,
    { end } as Partial<NbdGates> as NbdGates,
  );
  await assert.rejects(target.grow(VOLUME, 1024, {}), /no room/);
  assert.deepEqual(done, []);
  isFull = false;
  await target.grow(VOLUME, 1024, {});
  assert.deepEqual(done, ['grow', 'end']);
});

test('a gate of which the length is not known is to be closed, and is none to come in by', async () => {
  const seen = async (facts: Partial<TargetFacts>) => {
    const inspect = async () => facts as TargetFacts;
    const gates = { find: async () => undefined, isThere: async () => true };
    const target = gatedTarget(
      { inspect } as Partial<BlockTarget> as BlockTarget,
      gates as Partial<NbdGates> as NbdGates,
    );
    return (await target.inspect(VOLUME)).isGated === true;
  };
  assert.equal(await seen({ exported: false, sizeBytes: 1024 }), true);
  assert.equal(await seen({ exported: true, sizeBytes: 1024 }), false);
});
