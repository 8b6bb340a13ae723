import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { openLogFile } from './log-file.ts';

async function withFolder(work: (folder: string) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'ironbark-log-'));
  try {
    await work(folder);
  } finally {
    await rm(folder, { recursive: true });
  }
}

test('a log past its cap goes on in a new file and keeps one older', async () => {
  await withFolder(async (folder) => {
    const path = join(folder, 'log');
    const write = openLogFile(path, 10);
    for (const line of ['first line\n', 'second\n', 'third\n', 'fourth\n']) write(line);
    assert.equal(await readFile(`${path}.1`, 'utf8'), 'second\nthird\n');
    assert.equal(await readFile(path, 'utf8'), 'fourth\n');
  });
});

test('a full disk loses lines, ends nothing, and is told of afterwards', async () => {
  await withFolder(async (folder) => {
    const path = join(folder, 'log');
    await symlink('/dev/full', path);
    const write = openLogFile(path);
    write('one\n');
    write('two\n');
    await rm(path);
    write('three\n');
    write('four\n');
    const lines = (await readFile(path, 'utf8')).trim().split('\n');
    assert.equal(JSON.parse(lines[0]!).lines, 2);
    assert.deepEqual(lines.slice(1), ['three', 'four']);
  });
});
