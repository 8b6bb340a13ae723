// Owns which user has which part of a data folder when the node and the controllers are two processes, and the change
// of a folder that one process had.

import { constants } from 'node:fs';
import { chmod, chown, lchown, lstat, open, readdir, realpath } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { ensureDirectory, exists } from '@ironbark/platform/files.ts';
import { giveFolder, requireRootOnly } from '@ironbark/platform/ownership.ts';
import { serviceUidOf } from '@ironbark/platform/service-users.ts';
import type { DataPaths } from './paths.ts';
import { moveStorageState } from './storage-state.ts';

export interface CloudUsers {
  controllers: number;
  /** Of storage daemons. */
  targets: number;
  /** Without symbolic links, as storage daemons are recognised by it. */
  storageDir: string;
}

/** Everybody may pass; the controllers' group may also look, which it takes to make a new name durable. */
const PASSABLE = 0o751;
/** What is made inside has the folder's group. */
const SHARED_WITH_GROUP = 0o2710;
const SHARED_FILE = 0o660;

/** Users stay what they were, also when the folder was moved. */
export async function findCloudUsers(paths: DataPaths): Promise<CloudUsers> {
  const root = await realpath(paths.root);
  await ensureDirectory(paths.storage, 0o711);
  const storageDir = await realpath(paths.storage);
  return {
    controllers: await serviceUidOf('controllers', root, 'cloud'),
    targets: await serviceUidOf('block-targets', storageDir, 'run/exports'),
    storageDir,
  };
}

/** Repeats safely. Root goes only where nobody else can have put a link. */
export async function shareFolders(paths: DataPaths, users: CloudUsers): Promise<void> {
  const { root, run, storage, storageState } = paths;
  await requireRootOnly(root);
  await moveStorageState(paths);
  for (const path of [root, storage]) {
    await requireRootOnly(path);
    await chown(path, 0, users.controllers);
    await chmod(path, PASSABLE);
  }
  await ensureDirectory(run, 0o711);
  await requireRootOnly(run);
  const own = { uid: users.controllers, gid: users.controllers };
  const { cloud, cluster, objects, events } = paths;
  const keyring = dirname(paths.keyring);
  for (const path of [cloud, cluster, objects, events, storageState, keyring]) {
    await ensureGiven(path, own);
  }
  await giveKeyring(paths.keyring, own);
  await ensureGiven(paths.controllersRun, own);
  await shareVolumes(join(storage, 'volumes'), users);
  await ensureDirectory(paths.privilegedRun, 0o710);
  await chown(paths.privilegedRun, 0, users.controllers);
}

async function ensureGiven(path: string, owner: { uid: number; gid: number }): Promise<void> {
  await ensureDirectory(path, 0o700);
  const { uid } = await lstat(path);
  if (uid === owner.uid) return;
  await requireRootOnly(path);
  await giveFolder(path, owner);
}

/** One that root has put there, after a restore. */
async function giveKeyring(path: string, owner: { uid: number; gid: number }): Promise<void> {
  if (!(await exists(path))) return;
  await using file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW);
  const { uid, nlink } = await file.stat();
  if (uid !== 0 || nlink !== 1) return;
  await file.chown(owner.uid, owner.gid);
  await file.chmod(0o600);
}

/** Files of volumes are the controllers', to make and to grow; storage daemons open them through the group. */
async function shareVolumes(path: string, users: CloudUsers): Promise<void> {
  await ensureDirectory(path, 0o710);
  if ((await lstat(path)).uid === users.controllers) return;
  await requireRootOnly(path);
  await shareFiles(path, users);
  // Last of all the owner: it is what says that the rest is done.
  await chown(path, 0, users.targets);
  await chmod(path, SHARED_WITH_GROUP);
  await lchown(path, users.controllers, users.targets);
}

/** Until its end only root can change the folder, and files in it are plain ones of root or of storage daemons. */
async function shareFiles(path: string, users: CloudUsers): Promise<void> {
  for (const name of await readdir(path)) {
    // The socket of snapshots, which a process that was killed may have left; it is made anew.
    if (name.startsWith('.')) continue;
    await using file = await open(join(path, name), constants.O_RDONLY | constants.O_NOFOLLOW);
    await file.chmod(SHARED_FILE);
    await file.chown(users.controllers, users.targets);
  }
}
