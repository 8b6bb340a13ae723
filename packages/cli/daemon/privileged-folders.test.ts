import assert from 'node:assert/strict';
import {
  chmod,
  chown,
  lchown,
  lstat,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  realpath,
  rename,
  rm,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { serviceUid } from '@ironbark/platform/service-users.ts';
import { type DataPaths, dataPaths } from './paths.ts';
import { findCloudUsers, shareFolders } from './privileged-folders.ts';
import { moveStorageState } from './storage-state.ts';

const skip = process.getuid?.() === 0 ? false : 'needs root to give files away';
const VOLUME = 'vol-0123456789abcdef0.raw';

/** As version 0.1 left it. */
async function makeEarlierFolder() {
  const root = await realpath(await mkdtemp(join(tmpdir(), 'ironbark-folder-')));
  const paths = dataPaths(root);
  for (const folder of [paths.cloud, paths.cluster, paths.node, join(paths.objects, 'blobs')]) {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    await writeFile(join(folder, 'file'), 'old');
  }
  const targets = serviceUid('block-targets', paths.storage);
  for (const name of ['run/exports', 'run/processes', 'volumes']) {
    await mkdir(join(paths.storage, name), { recursive: true });
  }
  await lchown(join(paths.storage, 'run/exports'), targets, targets);
  for (const name of ['storage.db', 'storage.db-wal']) {
    await writeFile(join(paths.storage, name), name);
  }
  await writeFile(join(paths.storage, 'volumes', VOLUME), 'bytes', { mode: 0o600 });
  await chown(join(paths.storage, 'volumes', VOLUME), targets, targets);
  const dispose = () => rm(root, { recursive: true });
  return { root, paths, targets, [Symbol.asyncDispose]: dispose };
}

async function ownerOf(path: string): Promise<[number, number, string]> {
  const { uid, gid, mode } = await lstat(path);
  return [uid, gid, (mode & 0o7777).toString(8)];
}

async function share(paths: DataPaths) {
  const users = await findCloudUsers(paths);
  await shareFolders(paths, users);
  return users;
}

test('what one process had is divided: state to the controllers, volumes shared, the rest root’s', {
  skip,
}, async () => {
  await using earlier = await makeEarlierFolder();
  const { paths, root } = earlier;
  const { controllers, targets } = await share(paths);
  assert.equal(targets, earlier.targets);
  assert.notEqual(controllers, targets);
  for (const path of [
    join(paths.cloud, 'file'),
    paths.cluster,
    join(paths.objects, 'blobs', 'file'),
    join(paths.storageState, 'storage.db-wal'),
    paths.controllersRun,
  ]) {
    assert.deepEqual((await ownerOf(path)).slice(0, 2), [controllers, controllers], path);
  }
  const volumes = join(paths.storage, 'volumes');
  assert.deepEqual(await ownerOf(volumes), [controllers, targets, '2710']);
  assert.deepEqual(await ownerOf(join(volumes, VOLUME)), [controllers, targets, '660']);
  for (const path of [join(paths.node, 'file'), join(paths.storage, 'run/processes'), root]) {
    assert.equal((await ownerOf(path))[0], 0, path);
  }
  assert.equal((await ownerOf(join(paths.storage, 'run/exports')))[0], targets);
  assert.deepEqual(await readdir(paths.storageState), ['storage.db', 'storage.db-wal']);
});

test('a second time changes nothing, and a folder that was moved keeps its users', {
  skip,
}, async () => {
  await using earlier = await makeEarlierFolder();
  const users = await share(earlier.paths);
  assert.deepEqual(await share(earlier.paths), users);
  const elsewhere = `${earlier.root}-moved`;
  await rename(earlier.root, elsewhere);
  const { controllers, targets } = await share(dataPaths(elsewhere));
  await rename(elsewhere, earlier.root);
  assert.deepEqual([controllers, targets], [users.controllers, users.targets]);
});

test('a change that was cut short is gone on with', { skip }, async () => {
  await using earlier = await makeEarlierFolder();
  const { paths } = earlier;
  const users = await findCloudUsers(paths);
  // Cut after some files were given and the state was linked, but not yet renamed.
  await lchown(join(paths.objects, 'blobs', 'file'), users.controllers, users.controllers);
  await mkdir(`${paths.storageState}.new`);
  await writeFile(join(`${paths.storageState}.new`, 'storage.db'), 'half');
  await share(paths);
  assert.equal((await ownerOf(paths.objects))[0], users.controllers);
  const kept = await readFile(join(paths.storageState, 'storage.db'), 'utf8');
  assert.equal(kept, 'storage.db');
});

test('state that has moved is not overwritten by what is left of the move', { skip }, async () => {
  await using earlier = await makeEarlierFolder();
  const { paths } = earlier;
  await moveStorageState(paths);
  await writeFile(join(paths.storageState, 'storage.db'), 'newer');
  await writeFile(join(paths.storage, 'storage.db'), 'older');
  await moveStorageState(paths);
  assert.equal(await readFile(join(paths.storageState, 'storage.db'), 'utf8'), 'newer');
  assert.deepEqual(await readdir(paths.storageState), ['storage.db', 'storage.db-wal']);
  assert.ok(!(await readdir(paths.storage)).some((name) => name.startsWith('storage.db')));
});

test('A35: a data folder that others can write in, or a link in a part’s place, stops the start', {
  skip,
}, async () => {
  await using earlier = await makeEarlierFolder();
  const { paths, root } = earlier;
  await chmod(root, 0o777);
  await assert.rejects(share(paths), /only root can write/);
  await chmod(root, 0o711);
  await rm(paths.cluster, { recursive: true });
  await symlink(paths.node, paths.cluster);
  await assert.rejects(share(paths), /only root can write/);
  assert.equal((await ownerOf(join(paths.node, 'file')))[0], 0);
  await rm(paths.cluster);
  const volume = join(paths.storage, 'volumes', VOLUME);
  await rm(volume);
  await symlink(join(paths.node, 'file'), volume);
  await assert.rejects(share(paths), { code: 'ELOOP' });
  assert.equal((await ownerOf(join(paths.node, 'file')))[0], 0);
});
