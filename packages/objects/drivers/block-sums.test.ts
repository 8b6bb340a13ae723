import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { encodeCrcs } from './block-crcs.ts';
import { decodeSums, encodeSums, type SumKind, sumOf } from './block-sums.ts';

for (const kind of ['crc32', 'gmac'] as const satisfies SumKind[]) {
  test(`sums of ${kind} are read as they were written, and every flipped bit gives another`, () => {
    const blocks = [randomBytes(1_000), randomBytes(1), Buffer.alloc(64)];
    const sums = blocks.map((block) => sumOf(kind, block));
    assert.deepEqual(decodeSums(encodeSums({ kind, sums })), { kind, sums });
    assert.deepEqual(decodeSums(encodeSums({ kind, sums: [] })), { kind, sums: [] });
    const [block] = blocks;
    for (let bit = 0; bit < block!.length * 8; bit += 7) {
      block![bit >> 3]! ^= 1 << (bit & 7);
      assert.notEqual(sumOf(kind, block!), sums[0]);
      block![bit >> 3]! ^= 1 << (bit & 7);
    }
    assert.notEqual(sumOf(kind, Buffer.alloc(63)), sums[2]);
  });
}

test('sums from before there was another kind are CRCs', () => {
  const sums = [sumOf('crc32', Buffer.from('old')), 0, 2 ** 32 - 1];
  assert.deepEqual(decodeSums(encodeCrcs(sums)), { kind: 'crc32', sums });
});

test('the sum of a block stays what it was: files of today are read tomorrow', () => {
  assert.equal(sumOf('crc32', Buffer.from('a block')), SUMS.crc32);
  assert.equal(sumOf('gmac', Buffer.from('a block')), SUMS.gmac);
});

const SUMS = { crc32: 4_063_821_094, gmac: 53_729_533_977_661 };
