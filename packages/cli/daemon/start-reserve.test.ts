import assert from 'node:assert/strict';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { KIB, MIB } from '@ironbark/core/units.ts';
import { SmallDisk } from '../../../test/support/small-disk.ts';
import { keepStartReserve, useStartReserve } from './start-reserve.ts';

const skip = process.getuid?.() !== 0 && 'a disk of its own needs root';

test('a full disk has room for a start, once', { skip }, async () => {
  await using disk = await SmallDisk.make(64 * MIB);
  const reserve = join(disk.path, 'reserve');
  await keepStartReserve(reserve);
  assert.equal((await stat(reserve)).size, 4 * MIB);
  await disk.fill(32 * KIB);
  assert.ok((await disk.freeBytes()) < 64 * KIB);
  await useStartReserve(reserve);
  assert.ok((await disk.freeBytes()) >= 4 * MIB);
});

test('room that a start has partly used is kept for the next one as far as it goes', {
  skip,
}, async () => {
  await using disk = await SmallDisk.make(64 * MIB);
  const reserve = join(disk.path, 'reserve');
  await disk.fill(2 * MIB);
  await keepStartReserve(reserve);
  const { size } = await stat(reserve);
  assert.ok(size >= 1 * MIB && size < 2 * MIB, `${size} bytes`);
  await useStartReserve(reserve);
  await disk.fill(128 * KIB);
  await keepStartReserve(reserve);
  await assert.rejects(stat(reserve), /ENOENT/);
});

test('a disk with room keeps the reserve', { skip }, async () => {
  await using disk = await SmallDisk.make(64 * MIB);
  const reserve = join(disk.path, 'reserve');
  await keepStartReserve(reserve);
  await useStartReserve(reserve);
  assert.equal((await stat(reserve)).size, 4 * MIB);
});
