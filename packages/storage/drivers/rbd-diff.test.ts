import assert from 'node:assert/strict';
import { test } from 'node:test';
import { renderDiff } from './rbd-diff.ts';

test('a piece is told as Ceph’s documents have it: size, offset, length, bytes, end', () => {
  const expected = Buffer.concat([
    Buffer.from('rbd diff v1\n'),
    Buffer.from('73 0000000100000000'.replace(' ', ''), 'hex'),
    Buffer.from('77 0002000000000000 0300000000000000'.replaceAll(' ', ''), 'hex'),
    Buffer.from([1, 2, 3]),
    Buffer.from('e'),
  ]);
  assert.deepEqual(renderDiff(16 * 2 ** 20, 512, Buffer.from([1, 2, 3])), expected);
});
