// Owns plugging disks into a running guest and out of it, by QMP. Each function repeats safely.

import { chown, link, lstat, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { ServiceError } from '@ironbark/core/errors.ts';
import type { DiskProfile } from '@ironbark/core/io-profile.ts';
import type { Clock } from '@ironbark/platform/clock.ts';
import { hasCode, removeFile } from '@ironbark/platform/files.ts';
import type { BlockExport } from '@ironbark/protocol/internal/instance-messages.ts';
import type { GuestHandle } from '../hypervisor-driver.ts';
import { diskDevice, diskNames, exportNode } from './argv.ts';
import type { Connections } from './connections.ts';
import { QmpError } from './qmp-client.ts';

/** Between two looks whether the guest has let go. */
const DETACH_LOOK_MS = 250;
/** A guest that was still booting has not seen the first request. */
const DETACH_ASK_AGAIN_MS = 3_000;
const DETACH_TIMEOUT_MS = 12_000;

export interface HotPlugContext {
  connections: Connections;
  clock: Clock;
}

interface QomProperty {
  name: string;
  type: string;
}

/** Names of the plugged disks: `root` and volume ids. */
export async function listPlugged(
  connections: Connections,
  handle: GuestHandle,
): Promise<string[]> {
  const names = await listNames(connections, handle, '/machine/peripheral');
  return names.filter((name) => name.startsWith('disk-')).map((name) => name.slice(5));
}

async function listNames(
  connections: Connections,
  handle: GuestHandle,
  path: string,
): Promise<string[]> {
  const properties = (await connections.execute(handle, 'qom-list', { path })) as QomProperty[];
  return properties.filter(({ type }) => type.startsWith('child<')).map(({ name }) => name);
}

export async function plugDisk(
  context: HotPlugContext,
  handle: GuestHandle,
  disk: { serial: string; source: BlockExport; profile: DiskProfile },
): Promise<void> {
  const { connections } = context;
  const names = diskNames(disk.serial);
  const socketPath = await ensureReachable(handle, disk);
  if ((await listPlugged(connections, handle)).includes(disk.serial)) return;
  // A node that a broken attempt left may point at an export that has moved since.
  await removeBackend(connections, handle, disk.serial);
  if (disk.profile.iothread) {
    await connections.execute(handle, 'object-add', { 'qom-type': 'iothread', id: names.iothread });
  }
  const node = exportNode(disk.serial, disk.source, { profile: disk.profile, socketPath });
  await connections.execute(handle, 'blockdev-add', node);
  await connections.execute(handle, 'device_add', diskDevice(disk.serial, disk.profile));
}

/** False when the guest has not let go in time; asking continues in the guest and can be repeated. */
export async function unplugDisk(
  context: HotPlugContext,
  handle: GuestHandle,
  serial: string,
): Promise<boolean> {
  const { connections, clock } = context;
  const deadline = clock.monotonicMs() + DETACH_TIMEOUT_MS;
  let askAt = clock.monotonicMs();
  while ((await listPlugged(connections, handle)).includes(serial)) {
    const now = clock.monotonicMs();
    if (now >= deadline) return false;
    if (now >= askAt) {
      await askToUnplug(connections, handle, serial);
      askAt = now + DETACH_ASK_AGAIN_MS;
    }
    await clock.sleep(DETACH_LOOK_MS);
  }
  await removeBackend(connections, handle, serial);
  await removeFile(socketName(handle, serial).absolute);
  return true;
}

/** QEMU refuses a second request while the first is pending, and one for a device that has just gone. */
async function askToUnplug(
  connections: Connections,
  handle: GuestHandle,
  serial: string,
): Promise<void> {
  try {
    await connections.execute(handle, 'device_del', { id: diskNames(serial).device });
  } catch (error) {
    if (!(error instanceof QmpError)) throw error;
  }
}

async function removeBackend(
  connections: Connections,
  handle: GuestHandle,
  serial: string,
): Promise<void> {
  const names = diskNames(serial);
  const nodes = (await connections.execute(handle, 'query-named-block-nodes', { flat: true })) as {
    'node-name': string;
  }[];
  if (nodes.some((node) => node['node-name'] === names.node)) {
    await connections.execute(handle, 'blockdev-del', { 'node-name': names.node });
  }
  if ((await listNames(connections, handle, '/objects')).includes(names.iothread)) {
    await connections.execute(handle, 'object-del', { id: names.iothread });
  }
}

function socketName(handle: GuestHandle, serial: string) {
  const relative = `${serial}.sock`;
  return { relative, absolute: join(handle.directory, 'run', relative) };
}

/**
 * Gives the guest's user a way to the target's socket: a second name of it in the guest's own folder, since the
 * folders above the target's are closed to guests. Repeated, it repairs the name after the target was restarted.
 */
export async function ensureReachable(
  handle: GuestHandle,
  disk: { serial: string; source: BlockExport },
): Promise<string> {
  if (disk.source.kind !== 'nbd-unix') return '';
  const { socketPath } = disk.source;
  if (handle.uid !== undefined) await ownSocket(socketPath, handle.uid);
  const { relative, absolute } = socketName(handle, disk.serial);
  if (await isSameFile(socketPath, absolute)) return relative;
  await removeFile(absolute);
  try {
    await link(socketPath, absolute);
    return relative;
  } catch (error) {
    // Another file system: the guest's user has to reach the target's own path.
    if (hasCode(error, 'EXDEV')) return socketPath;
    throw error;
  }
}

async function ownSocket(path: string, uid: number): Promise<void> {
  try {
    const facts = await lstat(path);
    if (!facts.isSocket()) throw new Error(`${path} is not a socket`);
    await chown(path, uid, uid);
  } catch (error) {
    if (!hasCode(error, 'ENOENT')) throw error;
    throw new ServiceError({
      kind: 'unavailable',
      resource: 'volume',
      message: 'The volume is not being served at the moment; the node tries again.',
      cause: error,
    });
  }
}

async function isSameFile(one: string, other: string): Promise<boolean> {
  const [a, b] = await Promise.all([one, other].map((path) => stat(path).catch(() => undefined)));
  return a !== undefined && b !== undefined && a.dev === b.dev && a.ino === b.ino;
}
