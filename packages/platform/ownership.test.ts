import assert from 'node:assert/strict';
import { chmod, lchown, lstat, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { giveFolder, requireRootOnly } from './ownership.ts';

const skip = process.getuid?.() === 0 ? false : 'needs root to give files away';
const OWNER = { uid: 54_321, gid: 54_322 };
const STRANGER = 54_323;

async function makeTree() {
  const root = await mkdtemp(join(tmpdir(), 'ironbark-owner-'));
  const outside = join(root, 'outside');
  await writeFile(outside, 'of root');
  const given = join(root, 'given');
  await mkdir(join(given, 'deep'), { recursive: true });
  await writeFile(join(given, 'deep', 'file'), '');
  await symlink(outside, join(given, 'link'));
  await symlink(root, join(given, 'deep', 'up'));
  await mkdir(join(given, 'theirs'));
  await writeFile(join(given, 'theirs', 'inside'), '');
  await lchown(join(given, 'theirs'), STRANGER, STRANGER);
  const dispose = () => rm(root, { recursive: true });
  return { root, outside, given, [Symbol.asyncDispose]: dispose };
}

async function uidOf(...path: string[]): Promise<number> {
  return (await lstat(join(...path))).uid;
}

test('A35: a folder is given away whole, and no link is followed', { skip }, async () => {
  await using tree = await makeTree();
  await giveFolder(tree.given, OWNER);
  for (const name of ['.', 'deep', 'deep/file', 'link', 'deep/up']) {
    assert.equal(await uidOf(tree.given, name), OWNER.uid, name);
  }
  assert.equal(await uidOf(tree.outside), 0);
  assert.equal(await uidOf(tree.root), 0);
});

test('A35: what is another user’s is not looked into', { skip }, async () => {
  await using tree = await makeTree();
  await giveFolder(tree.given, OWNER);
  assert.equal(await uidOf(tree.given, 'theirs'), STRANGER);
  assert.equal(await uidOf(tree.given, 'theirs', 'inside'), 0);
});

test('a folder that others can write, or have, or that is a link, is not root’s alone', {
  skip,
}, async () => {
  await using tree = await makeTree();
  const { given, root } = tree;
  await chmod(given, 0o755);
  await requireRootOnly(given);
  await chmod(given, 0o775);
  await assert.rejects(requireRootOnly(given), /only root can write/);
  await assert.rejects(requireRootOnly(join(given, 'theirs')), /only root can write/);
  await symlink(root, join(root, 'link'));
  await assert.rejects(requireRootOnly(join(root, 'link')), /only root can write/);
});
