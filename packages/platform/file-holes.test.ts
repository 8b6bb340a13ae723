import assert from 'node:assert/strict';
import { mkdtemp, open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { listHoles } from './file-holes.ts';
import { claimSpace } from './libc.ts';

const MIB = 2 ** 20;

test('what was claimed and never written is a hole, and what was written is none, synced or not', async () => {
  const folder = await mkdtemp('/var/tmp/ironbark-holes-');
  try {
    const path = join(folder, 'file');
    await using file = await open(path, 'w+');
    await claimSpace(file.fd, 8 * MIB);
    const whole = { sizeBytes: 8 * MIB, holes: [{ offset: 0, length: 8 * MIB }] };
    assert.deepEqual(await listHoles(path), whole);
    await file.write(Buffer.alloc(MIB), 0, MIB, 2 * MIB);
    const parts = [
      { offset: 0, length: 2 * MIB },
      { offset: 3 * MIB, length: 5 * MIB },
    ];
    assert.deepEqual((await listHoles(path)).holes, parts);
    await file.sync();
    assert.deepEqual((await listHoles(path)).holes, parts);
    await file.write(Buffer.alloc(MIB), 0, MIB, 7 * MIB);
    assert.deepEqual((await listHoles(path)).holes.at(-1), { offset: 3 * MIB, length: 4 * MIB });
  } finally {
    await rm(folder, { recursive: true });
  }
});
