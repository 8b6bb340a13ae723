import assert from 'node:assert/strict';
import { test } from 'node:test';
import { planCompaction } from './log-compaction.ts';

const SIZES = { fileBytes: 1_000, headerBytes: 10 };

/** Each file as its number, its size and how many of its bytes are wanted, in one blob. */
function plan(...files: [number, number, number][]): number[] {
  const full = files.map(([file, sizeBytes]) => ({ file, sizeBytes }));
  const rows = files
    .filter(([, , live]) => live > 0)
    .map(([number, , live]) => ({ number, live_blobs: 1, live_bytes: live - 10 }));
  return planCompaction(full, rows, SIZES);
}

test('files are rewritten when half of them or more is not wanted', () => {
  assert.deepEqual(plan([1, 1_000, 501], [2, 1_000, 500], [3, 1_000, 0], [4, 990, 990]), [2, 3]);
});

test('a file that no row knows of goes', () => {
  assert.deepEqual(plan([7, 40, 0]), [7]);
});

test('small files are put together when there are some, and not one at a time', () => {
  const small = (file: number): [number, number, number] => [file, 250, 250];
  assert.deepEqual(plan(small(1), small(2), small(3), [4, 251, 251]), []);
  assert.deepEqual(plan(small(1), small(2), small(3), small(4), [5, 900, 900]), [1, 2, 3, 4]);
});
