import assert from 'node:assert/strict';
import { mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { systemCommands } from './commands.ts';
import { createFile, makeFile, removeUnfinished, replaceFile } from './files.ts';

test('of several processes that create a file, one succeeds, and its bytes stay', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'ironbark-files-'));
  const path = join(folder, 'file');
  const module = join(import.meta.dirname, 'files.ts');
  const script = (text: string) =>
    `import { createFile } from ${JSON.stringify(module)};
     process.stdout.write(String(await createFile(${JSON.stringify(path)}, '${text}')));`;
  const create = (text: string) =>
    systemCommands.run(process.execPath, ['--input-type=module', '-e', script(text)]);
  try {
    const answers = await Promise.all(['one', 'two', 'three'].map(create));
    const winners = answers.map(({ stdout }) => stdout).filter((answer) => answer === 'true');
    assert.equal(winners.length, 1);
    const kept = await readFile(path, 'utf8');
    assert.equal(await createFile(path, 'late'), false);
    assert.equal(await readFile(path, 'utf8'), kept);
    assert.deepEqual(await readdir(folder), ['file']);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});

test('a link under the temporary name is not followed', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'ironbark-files-'));
  t.after(() => rm(folder, { recursive: true }));
  const other = join(folder, 'other');
  await writeFile(other, 'of somebody else');
  await symlink(other, join(folder, 'file.new'));
  await replaceFile(join(folder, 'file'), 'ours');
  assert.equal(await readFile(other, 'utf8'), 'of somebody else');
  assert.equal(await readFile(join(folder, 'file'), 'utf8'), 'ours');
  assert.deepEqual((await readdir(folder)).sort(), ['file', 'other']);
});

test('a file that could not be made leaves the old one and nothing beside it', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'ironbark-files-'));
  t.after(() => rm(folder, { recursive: true }));
  const path = join(folder, 'file');
  await replaceFile(path, 'old');
  const fill = async () => {
    throw new Error('no more bytes');
  };
  await assert.rejects(makeFile(path, fill), /no more bytes/);
  assert.deepEqual(await readdir(folder), ['file']);
  assert.equal(await readFile(path, 'utf8'), 'old');
});

test('what a process that died has left of a file is removed', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'ironbark-files-'));
  t.after(() => rm(folder, { recursive: true }));
  await writeFile(join(folder, 'file.new'), 'half');
  await removeUnfinished(join(folder, 'file'));
  await removeUnfinished(join(folder, 'file'));
  assert.deepEqual(await readdir(folder), []);
});
