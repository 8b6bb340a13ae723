import assert from 'node:assert/strict';
import { createCipheriv, randomBytes } from 'node:crypto';
import { test } from 'node:test';
import {
  openSectors,
  SECTOR_BYTES,
  sealSectors,
  sealZeroSectors,
  XTS_KEY_BYTES,
} from './aes-xts.ts';

/** One call of OpenSSL's for each sector: what the standard says, slowly. */
function sealOneByOne(key: Buffer, first: number, plain: Buffer): Buffer {
  const sectors = Array.from({ length: plain.length / SECTOR_BYTES }, (_, at) => {
    const tweak = Buffer.alloc(16);
    tweak.writeBigUInt64LE(BigInt(first + at));
    const cipher = createCipheriv('aes-256-xts', key, tweak);
    const bytes = plain.subarray(at * SECTOR_BYTES, (at + 1) * SECTOR_BYTES);
    return Buffer.concat([cipher.update(bytes), cipher.final()]);
  });
  return Buffer.concat(sectors);
}

const key = randomBytes(XTS_KEY_BYTES);

for (const first of [0, 1, 4_095, 2 ** 32 - 1, 2 ** 37]) {
  test(`sectors from ${first} on are encrypted as the standard says`, () => {
    for (const plain of [randomBytes(7 * SECTOR_BYTES), Buffer.alloc(3 * SECTOR_BYTES)]) {
      const sealed = sealSectors({ key, first }, plain);
      assert.ok(sealed.equals(sealOneByOne(key, first, plain)));
      assert.ok(openSectors({ key, first }, sealed).equals(plain));
    }
    const zeros = Buffer.alloc(5 * SECTOR_BYTES);
    const sealed = sealZeroSectors({ key, first }, zeros.length);
    assert.ok(sealed.equals(sealOneByOne(key, first, zeros)));
  });
}

test('what does not begin at a word is encrypted all the same', () => {
  const plain = randomBytes(2 * SECTOR_BYTES + 3).subarray(3);
  assert.ok(sealSectors({ key, first: 9 }, plain).equals(sealOneByOne(key, 9, Buffer.from(plain))));
});

test('a part of a sector is refused', () => {
  assert.throws(() => sealSectors({ key, first: 0 }, Buffer.alloc(100)), /no whole sectors/);
});
