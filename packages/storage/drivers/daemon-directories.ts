// Owns the folders that storage daemons use, and who may enter them.

import { constants } from 'node:fs';
import { chmod, chown, open, readFile, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { VolumeId } from '@ironbark/core/ids.ts';
import { deviceNumbers } from '@ironbark/platform/device-numbers.ts';
import { ensureDirectory, removeFile, writeUnsynced } from '@ironbark/platform/files.ts';
import { DAEMON_DIRECTORIES, daemonPaths } from './daemon-arguments.ts';
import type { DaemonHost } from './daemon-host.ts';
import type { CephSettings } from './rbd-command.ts';
import { cephConfPath, cephKeyringPath, deviceNodePath, type VolumePlace } from './volume-place.ts';

/** Search permission for everybody: what lies inside is protected by itself. */
const SEARCHABLE = 0o011;

export async function prepareDirectories(host: DaemonHost): Promise<void> {
  const { exports, control, devices, processes, overwritten, filling } = DAEMON_DIRECTORIES;
  await openToSearch(host.dataDir);
  await ensureDirectory(join(host.dataDir, 'run'), 0o711);
  await openToSearch(join(host.dataDir, 'run'));
  await ensureOwn(host, exports, 0o711);
  // Whose this folder is tells which group a folder's daemons have had from the start.
  if (host.users !== undefined) {
    await chown(join(host.dataDir, exports), host.users.gid, host.users.gid);
  }
  await ensureOwn(host, control, 0o710);
  await ensureOwn(host, devices, 0o710);
  await ensureOwn(host, processes, 0o700);
  await ensureOwn(host, overwritten, 0o710);
  await ensureOwn(host, filling, 0o710);
}

/** Before its daemon starts: the folder and the volume are its user's, whoever had them before. */
export async function prepareVolume(
  host: DaemonHost,
  id: VolumeId,
  place: VolumePlace,
): Promise<void> {
  const directory = join(host.dataDir, daemonPaths(id).directory);
  await ensureDirectory(directory, 0o700);
  if (host.users !== undefined) await chown(directory, 0, 0);
  if (place.kind === 'rbd') await copyCephFiles(host, id, place.ceph);
  if (place.kind === 'device') await makeDeviceNode(host, id, place.rdev);
  if (host.users === undefined) return;
  const uid = host.users.uidOf(id);
  await chown(directory, uid, uid);
  if (place.kind !== 'file') return;
  await giveVolume(join(host.dataDir, daemonPaths(id).volume), uid);
}

/** The daemon's user may read neither the administrator's files nor, enclosed, any of the host's. */
async function copyCephFiles(host: DaemonHost, id: VolumeId, ceph: CephSettings): Promise<void> {
  const uid = host.users?.uidOf(id);
  const conf = await readFile(ceph.confPath, 'utf8');
  const keyring = await readFile(ceph.keyringPath ?? defaultKeyring(ceph.user), 'utf8');
  const said = `${conf.trimEnd()}\n[client.${ceph.user}]\nkeyring = ${cephKeyringPath(id)}\n`;
  for (const [name, text] of [
    [cephConfPath(id), said],
    [cephKeyringPath(id), keyring],
  ] as const) {
    const path = join(host.dataDir, name);
    await removeFile(path);
    // The folder is root's until all of it is made.
    await writeUnsynced(path, text, { mode: 0o400 });
    if (uid !== undefined) await chown(path, uid, uid);
  }
}

function defaultKeyring(user: string): string {
  return `/etc/ceph/ceph.client.${user}.keyring`;
}

/** Not the host's own node: udev gives that back to whom it thinks best, whenever it likes. */
async function makeDeviceNode(host: DaemonHost, id: VolumeId, rdev: number): Promise<void> {
  const path = join(host.dataDir, deviceNodePath(id));
  await removeFile(path);
  const { major, minor } = deviceNumbers(rdev);
  await host.commands.run('mknod', ['--mode=0', path, 'b', String(major), String(minor)]);
  // Nobody else may write in the folder, so this is what was made.
  await chown(path, 0, host.users?.uidOf(id) ?? 0);
  await chmod(path, VOLUME_MODE);
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
  await removeFile(join(host.dataDir, deviceNodePath(id)));
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
