import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import { test } from 'node:test';
import { MIB } from '@ironbark/core/units.ts';
import { cutChanges } from './ceph-points.ts';
import { DIFF_END, readChanges, renderDiffStart, renderPieceStart } from './rbd-diff.ts';

test('pieces are told as Ceph’s documents have it: size, then offset, length and bytes, then the end', () => {
  const expected = Buffer.concat([
    Buffer.from('rbd diff v1\n'),
    Buffer.from('73 0000000100000000'.replace(' ', ''), 'hex'),
    Buffer.from('77 0002000000000000 0300000000000000'.replaceAll(' ', ''), 'hex'),
    Buffer.from([1, 2, 3]),
    Buffer.from('e'),
  ]);
  const piece = [renderPieceStart(512, 3), Buffer.from([1, 2, 3])];
  assert.deepEqual(Buffer.concat([renderDiffStart(16 * MIB), ...piece, DIFF_END]), expected);
});

function extent(offset: number, length: number, exists = true): string {
  return `{"offset":${offset},"length":${length},"exists":"${exists}"}`;
}

/** As it may come from a pipe. */
function inPieces(text: string, length: number): Readable {
  const count = Math.ceil(text.length / length);
  const pieces = Array.from({ length: count }, (_, at) =>
    Buffer.from(text.slice(at * length, (at + 1) * length)),
  );
  return Readable.from(pieces);
}

test('a difference is read as it comes, and neighbours are one', async () => {
  const all = [extent(0, 4), extent(4, 4, false), extent(12, 4)].join(',');
  const expected = [
    { offset: 0, length: 8 },
    { offset: 12, length: 4 },
  ];
  for (const length of [1, 7, 1_000]) {
    assert.deepEqual(await readChanges(inPieces(`[${all}]\n`, length)), expected);
  }
  assert.deepEqual(await readChanges(inPieces('[]', 1)), []);
});

test('a difference that was cut short, or is something else, is no difference', async () => {
  const texts = ['', '[', `[${extent(0, 4)}`, `[${extent(0, 4)},{"off`, '[{"offset":-1}]', '{}'];
  for (const text of [...texts, `[]${'x'.repeat(1_000)}`, `[${extent(0, 4)}]x`]) {
    await assert.rejects(readChanges(inPieces(text, 5)), /not understood/, text.slice(0, 40));
  }
});

test('changes are those of the range that was asked for, counted after the volume’s header', () => {
  const all = [
    { offset: 0, length: 8 },
    { offset: 20, length: 10 },
  ];
  assert.deepEqual(cutChanges(all, { offset: 4, length: 20, headerBytes: 0 }), [
    { offset: 4, length: 4 },
    { offset: 20, length: 4 },
  ]);
  assert.deepEqual(cutChanges(all, { offset: 0, length: 100, headerBytes: 6 }), [
    { offset: 0, length: 2 },
    { offset: 14, length: 10 },
  ]);
});
