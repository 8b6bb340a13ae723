import assert from 'node:assert/strict';
import { open, readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { MIB } from '@ironbark/core/units.ts';
import { hasCode, makeFile, replaceFile, writeFully } from '@ironbark/platform/files.ts';
import { SmallDisk } from '../support/small-disk.ts';

const DISK_BYTES = 32 * MIB;
const ROOM_BYTES = 5 * MIB;
const TOO_MANY_BYTES = 9 * MIB;

const skip = process.getuid?.() === 0 ? false : 'NOT RUN: mounting a small disk needs root';

test('a bare write to a disk that fills up comes back short, and the sync after it succeeds', {
  skip,
}, async () => {
  await using disk = await SmallDisk.make(DISK_BYTES);
  await disk.fill(ROOM_BYTES);
  await using handle = await open(join(disk.path, 'short'), 'w');
  const { bytesWritten } = await handle.write(Buffer.alloc(TOO_MANY_BYTES));
  assert.ok(bytesWritten > 0 && bytesWritten < TOO_MANY_BYTES, `${bytesWritten}`);
  await handle.sync();
});

test('writeFully throws where a bare write comes back short', { skip }, async () => {
  await using disk = await SmallDisk.make(DISK_BYTES);
  await disk.fill(ROOM_BYTES);
  await using handle = await open(join(disk.path, 'file'), 'w');
  await assert.rejects(writeFully(handle, Buffer.alloc(TOO_MANY_BYTES)), { code: 'ENOSPC' });
});

test('on a full disk a file is replaced as a whole or stays as it was, with nothing beside it', {
  skip,
}, async () => {
  await using disk = await SmallDisk.make(DISK_BYTES);
  const path = join(disk.path, 'file');
  await replaceFile(path, 'old');
  await disk.fill(ROOM_BYTES);
  const names = await readdir(disk.path);
  await assert.rejects(replaceFile(path, Buffer.alloc(TOO_MANY_BYTES)), { code: 'ENOSPC' });
  await assert.rejects(
    makeFile(join(disk.path, 'other'), (handle) =>
      writeFully(handle, Buffer.alloc(TOO_MANY_BYTES)),
    ),
    (error) => hasCode(error, 'ENOSPC'),
  );
  assert.deepEqual(await readdir(disk.path), names);
  assert.equal(await readFile(path, 'utf8'), 'old');
  await disk.empty();
  await replaceFile(path, Buffer.alloc(TOO_MANY_BYTES));
  assert.equal((await stat(path)).size, TOO_MANY_BYTES);
});
