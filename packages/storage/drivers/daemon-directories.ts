// Owns the folders that storage daemons use, and who may enter them.

import { constants } from 'node:fs';
import { chmod, chown, open, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { VolumeId } from '@ironbark/core/ids.ts';
import { ensureDirectory } from '@ironbark/platform/files.ts';
import { DAEMON_DIRECTORIES, daemonPaths } from './daemon-arguments.ts';
import type { DaemonHost } from './daemon-host.ts';

/** Search permission for everybody: what lies inside is protected by itself. */
const SEARCHABLE = 0o011;

export async function prepareDirectories(host: DaemonHost): Promise<void> {
  const { exports, control, processes, overwritten, filling } = DAEMON_DIRECTORIES;
  await openToSearch(host.dataDir);
  await ensureDirectory(join(host.dataDir, 'run'), 0o711);
  await openToSearch(join(host.dataDir, 'run'));
  await ensureOwn(host, exports, 0o711);
  // Whose this folder is tells which group a folder's daemons have had from the start.
  if (host.users !== undefined) {
    await chown(join(host.dataDir, exports), host.users.gid, host.users.gid);
  }
  await ensureOwn(host, control, 0o710);
  await ensureOwn(host, processes, 0o700);
  await ensureOwn(host, overwritten, 0o710);
  await ensureOwn(host, filling, 0o710);
}

/** Before its daemon starts: the folder and the volume are its user's, whoever had them before. */
export async function prepareVolume(host: DaemonHost, id: VolumeId): Promise<void> {
  const directory = join(host.dataDir, daemonPaths(id).directory);
  await ensureDirectory(directory, 0o700);
  if (host.users === undefined) return;
  const uid = host.users.uidOf(id);
  await chown(directory, uid, uid);
  await giveVolume(join(host.dataDir, daemonPaths(id).volume), uid);
}

/** Through the group: its owner is who makes volumes and grows them, whose folder root does not trust. */
async function giveVolume(path: string, gid: number): Promise<void> {
  await using file = await open(path, constants.O_RDWR | constants.O_NOFOLLOW);
  const facts = await file.stat();
  if (!facts.isFile() || facts.nlink !== 1) throw new Error(`${path} is no volume`);
  await file.chown(facts.uid, gid);
  await file.chmod(VOLUME_MODE);
}

const VOLUME_MODE = 0o660;

export async function removeVolumeDirectory(host: DaemonHost, id: VolumeId): Promise<void> {
  await rm(join(host.dataDir, daemonPaths(id).directory), { recursive: true, force: true });
}

async function openToSearch(path: string): Promise<void> {
  const { mode } = await stat(path);
  if ((mode & SEARCHABLE) !== SEARCHABLE) await chmod(path, (mode & 0o777) | SEARCHABLE);
}

async function ensureOwn(host: DaemonHost, name: string, mode: number): Promise<void> {
  const path = join(host.dataDir, name);
  await ensureDirectory(path, mode);
  if (host.users !== undefined) await chown(path, 0, host.users.gid);
  await chmod(path, mode);
}
