import assert from 'node:assert/strict';
import { mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { MIB } from '@ironbark/core/units.ts';
import { systemClock } from '@ironbark/platform/clock.ts';
import { systemCommands } from '@ironbark/platform/commands.ts';
import { TESTBEDS, UNLIMITED } from '../testbeds.ts';
import { LabDisk } from './lab-disk.ts';
import { whyNoLabDisk } from './lab-requirements.ts';

const skip = (await whyNoLabDisk()) ?? false;

test('a modelled disk keeps bytes and its speed, and sees what reaches it', { skip }, async () => {
  const folder = await mkdtemp(join(tmpdir(), 'ironbark-lab-'));
  await using cleanUp = new AsyncDisposableStack();
  cleanUp.defer(() => rm(folder, { recursive: true }));
  const disk = await LabDisk.start({
    commands: systemCommands,
    clock: systemClock,
    folder: join(folder, 'disk'),
    sizeBytes: 8 * MIB,
    model: UNLIMITED,
  });
  cleanUp.use(disk);
  const bytes = Buffer.alloc(MIB, 'known');
  const file = await open(disk.file, 'r+');
  cleanUp.defer(() => file.close());
  await file.write(bytes, 0, MIB, 2 * MIB);
  await file.sync();

  await disk.change(TESTBEDS.slow.disk);
  const startedMs = performance.now();
  const { result, seen } = await disk.watch(async () => {
    const dd = [`if=${disk.file}`, 'bs=64k', 'skip=32', 'count=16'];
    const options = { maxOutputBytes: 2 * MIB };
    return await systemCommands.run('dd', [...dd, 'iflag=direct', 'status=none'], options);
  });
  const tookMs = performance.now() - startedMs;
  assert.equal(result.stdout, bytes.toString());
  assert.equal(seen.requestSectors, 128);
  assert.equal(seen.counters.readBytes, MIB);
  // A MiB at 25 MB/s; an upper bound would measure the host.
  assert.ok(tookMs >= 41, `${tookMs} ms`);
  assert.ok(seen.queueDepth <= 1.01 && seen.utilisation > 0.2, JSON.stringify(seen));
});
