import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { requireBucketName, requireKey, successor } from './keys.ts';
import { parseRange, partRange } from './object-reading.ts';
import { multipartEtag } from './upload-completion.ts';

function isBelow(left: string, right: string): boolean {
  return Buffer.compare(Buffer.from(left), Buffer.from(right)) < 0;
}

test('the successor is above every text with the prefix, and nothing else lies between', () => {
  const unit = fc.constantFrom(
    'a',
    '/',
    '\u007f',
    '\u07ff',
    '\ud7ff',
    '\ue000',
    '\uffff',
    '🙂',
    '\u{10ffff}',
  );
  const text = fc.string({ unit, maxLength: 4 });
  const property = fc.property(text, text, (prefix, other) => {
    const end = successor(prefix);
    const isInside = !isBelow(other, prefix) && (end === undefined || isBelow(other, end));
    assert.equal(isInside, other.startsWith(prefix));
  });
  fc.assert(property, { numRuns: 2_000 });
});

test('keys are 1 to 1,024 bytes of UTF-8', () => {
  for (const key of ['a', '..', '/', '🙂'.repeat(256), 'é'.repeat(512)])
    assert.equal(requireKey(key), key);
  assert.throws(() => requireKey('é'.repeat(513)), { kind: 'limit-exceeded', resource: 'object' });
  for (const key of ['', 'a\0b', '\ud800']) {
    assert.throws(() => requireKey(key), { kind: 'malformed-id' });
  }
});

test('bucket names follow the rules of AWS', () => {
  const good = ['abc', 'my-bucket.v2', '0'.repeat(63), 'a-b'];
  for (const name of good) assert.equal(requireBucketName(name), name);
  const bad = [
    '',
    'ab',
    'a'.repeat(64),
    'Abc',
    'a_b',
    '-ab',
    'ab-',
    'a..b',
    '1.2.3.4',
    'xn--abc',
    '../x',
    'a/b',
  ];
  for (const name of bad)
    assert.throws(() => requireBucketName(name), { kind: 'malformed-id' }, name);
});

const partsOf = (...sizes: number[]) => sizes.map((sizeBytes) => ({ sizeBytes }));

test('ranges are those of RFC 9110', () => {
  const cases: [string, { start: number; end: number } | undefined][] = [
    ['bytes=0-9', { start: 0, end: 9 }],
    ['bytes=5-', { start: 5, end: 99 }],
    ['bytes=-5', { start: 95, end: 99 }],
    ['bytes=-500', { start: 0, end: 99 }],
    ['bytes=90-500', { start: 90, end: 99 }],
    ['bytes=9-5', undefined],
    ['bytes=-', undefined],
    ['bytes=0-1,3-4', undefined],
    ['items=0-1', undefined],
  ];
  for (const [header, range] of cases) assert.deepEqual(parseRange(header, 100), range, header);
  for (const header of ['bytes=100-', 'bytes=100-200', 'bytes=-0']) {
    assert.throws(() => parseRange(header, 100), { kind: 'invalid-range' }, header);
  }
  assert.throws(() => parseRange('bytes=0-', 0), { kind: 'invalid-range' });
  assert.deepEqual(partRange(partsOf(10, 20, 5), 2), { start: 10, end: 29 });
  assert.throws(() => partRange(partsOf(10), 2), { kind: 'invalid-range' });
});

test("the entity tag of parts is the MD5 of their MD5s' bytes", () => {
  // The second value is that of `md5sum` over the first one's 16 bytes.
  const empty = 'd41d8cd98f00b204e9800998ecf8427e';
  assert.equal(multipartEtag([empty]), '59adb24ef3cdbe0297f05b395827453f-1');
});
