// Owns the tests of CBOR: the RFC's own examples, what goes out and comes back, and what is refused.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isServiceError } from '@ironbark/core/errors.ts';
import { seededRandom } from '@ironbark/platform/random.ts';
import { parseCbor, renderCbor } from './cbor.ts';

const parse = (hex: string) => parseCbor(Buffer.from(hex, 'hex'));

test('the examples of RFC 8949 that Smithy uses are read as they are meant', () => {
  const cases: [string, unknown][] = [
    ['00', 0],
    ['17', 23],
    ['1818', 24],
    ['1903e8', 1000],
    ['1a000f4240', 1_000_000],
    ['1b000000e8d4a51000', 1_000_000_000_000],
    ['20', -1],
    ['3903e7', -1000],
    ['f93c00', 1],
    ['f97bff', 65_504],
    ['f90001', 2 ** -24],
    ['f9c400', -4],
    ['f97c00', Number.POSITIVE_INFINITY],
    ['fa47c35000', 100_000],
    ['fb3ff199999999999a', 1.1],
    ['f4', false],
    ['f5', true],
    ['f6', null],
    ['c11a514b67b0', new Date(1_363_896_240_000)],
    ['c1fb41d452d9ec200000', new Date(1_363_896_240_500)],
    ['44010203ff', new Uint8Array([1, 2, 3, 255])],
    ['60', ''],
    ['6449455446', 'IETF'],
    ['62c3bc', 'ü'],
    ['7f657374726561646d696e67ff', 'streaming'],
    ['83010203', [1, 2, 3]],
    ['9f018202039f0405ffff', [1, [2, 3], [4, 5]]],
  ];
  for (const [hex, expected] of cases) assert.deepEqual(parse(hex), expected, hex);
  assert.deepEqual({ ...(parse('bf61610161629f0203ffff') as object) }, { a: 1, b: [2, 3] });
});

test('what is written is read back the same', () => {
  const document = {
    text: 'a'.repeat(300),
    numbers: [0, 23, 24, 255, 256, 65_536, 2 ** 32, 2 ** 53 - 1, -1, -300, 0.1, -0, 1e300],
    time: new Date(1_764_000_000_123),
    flags: [true, false, null],
    bytes: new Uint8Array(70_000),
    empty: {},
  };
  const back = parseCbor(renderCbor({ ...document, absent: undefined }));
  assert.deepEqual(JSON.stringify(back), JSON.stringify(document));
});

test('bytes that are not one whole value of this kind are refused, whatever they are', () => {
  const deep = '81'.repeat(100);
  const huge = ['9b7fffffffffffffff', 'bbffffffffffffffff', '5affffffff', '7b0020000000000000'];
  const wrong = [
    '',
    '18',
    '1c',
    'ff',
    '0000',
    '61ff',
    'a10102',
    'a2616101616102',
    '9f',
    'bf6161ff',
  ];
  const odd = ['c249010000000000000000', 'c16161', '5f6161ff', 'f8ff', '82ff01', ...huge, deep];
  for (const hex of [...wrong, ...odd]) {
    assert.throws(
      () => parse(hex),
      (error) => isServiceError(error, 'malformed-input'),
      hex,
    );
  }
});

test('no bytes make it fail in another way or take long', () => {
  const random = seededRandom(20_261_123);
  for (let round = 0; round < 2_000; round++) {
    const bytes = Uint8Array.from({ length: 40 }, () => Math.floor(random.fraction() * 256));
    try {
      parseCbor(bytes);
    } catch (error) {
      assert.ok(isServiceError(error, 'malformed-input'), Buffer.from(bytes).toString('hex'));
    }
  }
});
