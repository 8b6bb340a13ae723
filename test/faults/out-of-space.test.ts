// A guest writes where the host's full disk has no block left: QEMU pauses it, and it goes on where it stood.

import assert from 'node:assert/strict';
import { open, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { KIB, MIB } from '@ironbark/core/units.ts';
import {
  createDriverLab,
  readConsoleUntil,
  waitForState,
  whyNoQemu,
} from '@ironbark/node/testing/driver-lab.ts';
import { WRITTEN_SECTOR } from '@ironbark/node/testing/test-guest.ts';
import { systemCommands } from '@ironbark/platform/commands.ts';
import { SmallDisk } from '../support/small-disk.ts';
import { freeze } from './host/guest-lab.ts';

const skip =
  process.getuid?.() === 0 ? await whyNoQemu() : 'NOT TESTED: mounting a small disk needs root';

test('a guest that found no room is paused, and goes on once there is some', { skip }, async () => {
  await using disk = await SmallDisk.make(64 * MIB);
  await using lab = await createDriverLab(disk.path);
  const spec = await lab.prepare(1, { greeting: 'hello', writes: true });
  const root = join(spec.directory, 'root.raw');
  await truncate(root, MIB);
  const handle = await lab.driver.start(spec);
  await readConsoleUntil(lab.driver, handle, 'hello');
  {
    await using _frozen = await freeze({ pid: handle.pid, startTicks: handle.pidStartTicks });
    const hole = ['--punch-hole', '--offset', String(4 * KIB), '--length', String(MIB - 4 * KIB)];
    await systemCommands.run('fallocate', [...hole, root]);
    await disk.fill(8 * KIB);
    await disk.fill(0).catch(() => {});
  }
  await waitForState(lab.driver, handle, 'paused');
  const status = await lab.driver.inspect(handle);
  assert.ok(status.state === 'paused' && status.resumable);
  assert.equal(await lab.driver.resume(handle), false, 'there is still no room');
  assert.equal((await lab.driver.inspect(handle)).state, 'paused');
  await disk.empty();
  assert.equal(await lab.driver.resume(handle), true);
  assert.equal((await lab.driver.inspect(handle)).state, 'running');
  assert.deepEqual(await readSector(root, WRITTEN_SECTOR), await readSector(root, 0));
});

const SECTOR_BYTES = 512;

async function readSector(path: string, sector: number): Promise<Buffer> {
  await using file = await open(path, 'r');
  const bytes = Buffer.alloc(SECTOR_BYTES);
  await file.read(bytes, 0, SECTOR_BYTES, sector * SECTOR_BYTES);
  return bytes;
}
