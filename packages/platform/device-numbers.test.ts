import assert from 'node:assert/strict';
import { stat } from 'node:fs/promises';
import { test } from 'node:test';
import { deviceNumbers } from './device-numbers.ts';

test('a device has the two numbers that the kernel names it by', async () => {
  const { rdev } = await stat('/dev/null');
  assert.deepEqual(deviceNumbers(rdev), { major: 1, minor: 3 });
  // As glibc's makedev packs them: an NVMe partition, and minors and majors of more than eight and twelve bits.
  assert.deepEqual(deviceNumbers(0x1_03_05), { major: 259, minor: 5 });
  assert.deepEqual(deviceNumbers(0x10_08_12), { major: 8, minor: 0x112 });
  assert.deepEqual(deviceNumbers(0x1_0000_0800), { major: 8, minor: 0x100000 });
  assert.deepEqual(deviceNumbers(0x1000_0010_0000), { major: 0x1000, minor: 0x100 });
});
