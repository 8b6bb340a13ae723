import assert from 'node:assert/strict';
import { mkdtemp, rm, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { MIB } from '@ironbark/core/units.ts';
import { systemCommands } from '@ironbark/platform/commands.ts';
import { writeUnsynced } from '@ironbark/platform/files.ts';
import { whyNoLabDisk } from '../disk/lab-requirements.ts';
import { openLoopDevice } from './loop-device.ts';
import { requireWritable } from './own-disk.ts';

const skip = (await whyNoLabDisk()) ?? false;
const NEEDS = { sizeBytes: 8 * MIB, mayDestroy: false };
let folder: string;
before(async () => {
  folder = await mkdtemp('/var/tmp/ironbark-own-');
});
after(() => rm(folder, { recursive: true }));

async function file(name: string, at?: number): Promise<string> {
  const path = join(folder, name);
  await writeUnsynced(path, '');
  await truncate(path, 9 * MIB);
  if (at !== undefined) {
    const args = [`of=${path}`, 'bs=1', `seek=${at}`, 'conv=notrunc'];
    await systemCommands.run('dd', args, { input: 'x' });
  }
  return path;
}

const check = (path: string, needs: Partial<typeof NEEDS> = {}) =>
  requireWritable(systemCommands, path, { ...NEEDS, ...needs });

test('a file is written over when what would be written over is empty, whatever its name is', async () => {
  await check(await file('photos.tar'));
  await check(await file('beyond', NEEDS.sizeBytes + 5));
  await assert.rejects(check(await file('empty.img', 5 * MIB + 7)), {
    message:
      /empty\.img is not measured: it holds data: the byte at 5242887 is not zero\. --destroy/,
  });
  await check(join(folder, 'empty.img'), { mayDestroy: true });
});

test('a file system is named, also where little of it is written', async () => {
  const path = await file('disk');
  await systemCommands.run('mkfs.ext4', ['-q', '-F', path]);
  await assert.rejects(check(path), /it holds ext4/);
  await check(path, { mayDestroy: true });
});

test('what is no disk, too small, or missing is refused with and without --destroy', async () => {
  for (const mayDestroy of [false, true]) {
    await assert.rejects(check(join(folder, 'none'), { mayDestroy }), /there is no such file/);
    await assert.rejects(check(folder, { mayDestroy }), /no file and no disk/);
    await assert.rejects(
      check(await file('small'), { mayDestroy, sizeBytes: 10 * MIB }),
      /it has 9 MiB, and this takes 10 MiB/,
    );
  }
});

test('a disk that is mounted is refused with --destroy too', { skip }, async () => {
  const path = await file('mounted');
  await systemCommands.run('mkfs.ext4', ['-q', '-F', path]);
  const range = { file: path, offset: 0, sizeBytes: 9 * MIB };
  await using device = await openLoopDevice(systemCommands, range);
  await assert.rejects(check(device.path), /it holds ext4/);
  const place = await mkdtemp(join(folder, 'mount-'));
  await systemCommands.run('mount', [device.path, place]);
  try {
    await assert.rejects(check(device.path, { mayDestroy: true }), /it is in use: mounted/);
  } finally {
    await systemCommands.run('umount', [place]);
  }
});
