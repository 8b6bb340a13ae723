import assert from 'node:assert/strict';
import { test } from 'node:test';
import { KIB, MIB } from '@ironbark/core/units.ts';
import { WarmChunks } from './warm-chunks.ts';

test('what was read is warm with its surroundings, in no other file, and with no part that was not', () => {
  const chunks = new WarmChunks();
  chunks.add(3, 130 * KIB, 4_096);
  assert.ok(chunks.has(3, 200 * KIB, 4_096));
  assert.ok(!chunks.has(3, 0, 4_096));
  assert.ok(!chunks.has(2, 130 * KIB, 4_096));
  assert.ok(!chunks.has(3, 255 * KIB, 4_096));
});

test('of what was read long ago what is read again stays warm, and the rest does not', () => {
  const chunks = new WarmChunks();
  chunks.add(1, 0, 1);
  chunks.add(1, MIB, 1);
  for (let n = 0; n < 3; n++) {
    chunks.add(2 + n, 0, 512 * MIB);
    assert.ok(chunks.has(1, 0, 1), `${n}`);
  }
  assert.ok(!chunks.has(1, MIB, 1));
});
