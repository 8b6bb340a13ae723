import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type DeviceLabel, LABEL_BYTES, parseLabel, renderLabel } from './device-label.ts';

const LABEL: DeviceLabel = {
  volumeId: 'vol-0123456789abcdef0',
  state: 'making',
  sizeBytes: 2 ** 44,
  clearedBytes: 2 ** 40,
};

test('a label is read as it was written, in one sector', () => {
  const bytes = renderLabel(LABEL);
  assert.equal(bytes.length, LABEL_BYTES);
  assert.deepEqual(parseLabel(bytes), LABEL);
  assert.deepEqual(parseLabel(bytes.subarray(0, 512)), LABEL);
  assert.ok(bytes.subarray(512).every((byte) => byte === 0));
});

test('a label with any bit flipped is none', () => {
  const bytes = renderLabel(LABEL);
  const length = bytes.indexOf('\n') + 1;
  for (let bit = 0; bit < length * 8; bit += 1) {
    const damaged = Buffer.from(bytes);
    damaged[bit >> 3]! ^= 1 << (bit & 7);
    assert.equal(parseLabel(damaged), undefined, `bit ${bit}`);
  }
});

test('zeros, short reads and other texts are no label', () => {
  for (const bytes of [Buffer.alloc(LABEL_BYTES), Buffer.alloc(0), Buffer.from('LVM2 001\n')]) {
    assert.equal(parseLabel(bytes), undefined);
  }
});
