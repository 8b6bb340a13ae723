import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { BlockInSlot } from '../support/guest-writer.ts';
import { findMoment } from '../support/snapshot-under-load.ts';

const MOMENT = { earliest: 10, latest: 14 };

const CASES: [string, BlockInSlot[], number | undefined][] = [
  ['as it was after block 12', [8, 9, 10, 11, 12, 5, 6, 7], 12],
  ['with the next block half written', [8, 9, 10, 11, 12, 'torn', 6, 7], 12],
  ['as it was when it was asked for', [8, 9, 10, 3, 4, 5, 6, 7], 10],
  ['without a block that was acknowledged before', [8, 9, 2, 3, 4, 5, 6, 7], undefined],
  ['with a block and not the one before it', [8, 9, 10, 11, 4, 13, 6, 7], undefined],
  ['with another block than the next half written', [8, 9, 10, 11, 12, 5, 'torn', 7], undefined],
  ['with what came after it was completed', [16, 17, 10, 11, 12, 13, 14, 15], undefined],
  ['without a block', [8, 9, 10, 'none', 'none', 5, 6, 7], undefined],
];

for (const [what, slots, newest] of CASES) {
  const verdict = newest === undefined ? 'is of no moment' : 'is of one moment';
  test(`a restored volume ${what} ${verdict}`, () => {
    assert.equal(findMoment(slots, MOMENT), newest);
  });
}

test('a writer that has not been around yet leaves slots without a block', () => {
  const slots: BlockInSlot[] = ['none', 1, 2, 3, 'none', 'none', 'none', 'none'];
  assert.equal(findMoment(slots, { earliest: 2, latest: 4 }), 3);
});
