import assert from 'node:assert/strict';
import { chown, link, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { systemCommands } from '@ironbark/platform/commands.ts';
import { copyOwned, filePieces, ownerOf } from './file-pieces.ts';

const uid = process.getuid!();

async function makeFolder() {
  const folder = await mkdtemp(join(tmpdir(), 'ironbark-pieces-'));
  await writeFile(join(folder, 'file'), 'bytes');
  const dispose = () => rm(folder, { recursive: true });
  return { folder, path: join(folder, 'file'), [Symbol.asyncDispose]: dispose };
}

async function readAll(path: string, ownerUid?: number): Promise<string> {
  const pieces = await Array.fromAsync(filePieces(path, 5, ownerUid));
  return Buffer.concat(pieces.map(({ bytes }) => bytes)).toString();
}

test('a file of its owner is read and copied', async () => {
  await using made = await makeFolder();
  assert.equal(await readAll(made.path, await ownerOf(made.folder)), 'bytes');
  const copy = join(made.folder, 'deep/copy');
  await copyOwned(made.path, copy, { sizeBytes: 5, ownerUid: uid });
  assert.equal(await readFile(copy, 'utf8'), 'bytes');
});

test('A35: a link, a pipe, and a second name of another user’s file are not read', {
  skip: uid === 0 ? false : 'needs root to give a file away',
}, async () => {
  await using made = await makeFolder();
  const { folder, path } = made;
  await symlink(path, join(folder, 'link'));
  await assert.rejects(readAll(join(folder, 'link'), uid), { code: 'ELOOP' });
  await systemCommands.run('mkfifo', [join(folder, 'pipe')]);
  await assert.rejects(readAll(join(folder, 'pipe'), uid), /not a file of the cloud's own/);
  await chown(path, 54_321, 54_321);
  await link(path, join(folder, 'other'));
  await assert.rejects(readAll(join(folder, 'other'), uid), /not a file of the cloud's own/);
});
