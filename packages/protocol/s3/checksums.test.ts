import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type ChecksumAlgorithm, combineChecksums, DigestSet, parseDigest } from './checksums.ts';

function checksum(algorithm: ChecksumAlgorithm, ...pieces: Uint8Array[]): string {
  const digests = new DigestSet([algorithm]);
  for (const piece of pieces) digests.update(piece);
  return digests.get(algorithm).toString('base64');
}

test('the check value of each CRC is the one in its catalogue', () => {
  const check = Buffer.from('123456789');
  const hex = (algorithm: ChecksumAlgorithm) =>
    Buffer.from(checksum(algorithm, check), 'base64').toString('hex');
  assert.equal(hex('crc32'), 'cbf43926');
  assert.equal(hex('crc32c'), 'e3069283');
  assert.equal(hex('crc64nvme'), 'ae8b14860a799888');
});

test('any split of the bytes gives the same checksum', () => {
  const split = fc.tuple(fc.uint8Array({ maxLength: 60 }), fc.nat(60));
  for (const algorithm of ['crc32', 'crc32c', 'crc64nvme'] as const) {
    fc.assert(
      fc.property(split, ([bytes, at]) => {
        const whole = checksum(algorithm, bytes);
        assert.equal(checksum(algorithm, bytes.subarray(0, at), bytes.subarray(at)), whole);
      }),
    );
  }
});

test('the full-object checksum of parts is that of the whole', () => {
  const pieces = fc.array(fc.uint8Array({ minLength: 1, maxLength: 50 }), {
    minLength: 1,
    maxLength: 5,
  });
  for (const algorithm of ['crc32', 'crc32c', 'crc64nvme'] as const) {
    fc.assert(
      fc.property(pieces, (parts) => {
        const combined = combineChecksums(
          algorithm,
          'FULL_OBJECT',
          parts.map((part) => ({ value: checksum(algorithm, part), sizeBytes: part.length })),
        );
        assert.equal(combined.value, checksum(algorithm, ...parts));
      }),
    );
  }
});

test('a composite checksum is that of the checksums, with the number of parts', () => {
  const parts = ['a', 'b'].map((text) => {
    const bytes = Buffer.from(text);
    return { value: checksum('sha256', bytes), sizeBytes: 1 };
  });
  const raw = parts.map((part) => Buffer.from(part.value, 'base64'));
  assert.equal(
    combineChecksums('sha256', 'COMPOSITE', parts).value,
    `${checksum('sha256', ...raw)}-2`,
  );
});

test('a digest is read only in canonical base64 of the right length', () => {
  assert.ok(parseDigest('crc32', 'AAAAAA=='));
  for (const text of ['', 'AAAAAA', 'AAAAAAA=', 'AAAAAB==', '!!!!!!==']) {
    assert.equal(parseDigest('crc32', text), undefined, text);
  }
});
