// Owns plugging disks into a running guest and out of it, by QMP. Each function repeats safely.

import type { DiskProfile } from '@ironbark/core/io-profile.ts';
import { type Clock, waitFor } from '@ironbark/platform/clock.ts';
import { QmpError } from '@ironbark/platform/qmp.ts';
import type { BlockExport } from '@ironbark/protocol/internal/instance-messages.ts';
import type { GuestHandle } from '../hypervisor-driver.ts';
import { diskDevice, diskNames, exportNode } from './argv.ts';
import type { Connections } from './connections.ts';
import { ensureReachable, removeWay, requireServed } from './target-socket.ts';

/** Between two looks whether the guest has let go. */
const DETACH_LOOK_MS = 250;
/** A guest that was still booting has not seen the first request. */
const DETACH_ASK_AGAIN_MS = 3_000;
const DETACH_TIMEOUT_MS = 12_000;
const RELEASE_TIMEOUT_MS = 5_000;
const RELEASE_LOOK_MS = 50;

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
  const names = await listDevices(connections, handle);
  return names.filter((name) => name.startsWith('disk-')).map((name) => name.slice(5));
}

/** By the names that they were given: disks and cards. */
export function listDevices(connections: Connections, handle: GuestHandle): Promise<string[]> {
  return listNames(connections, handle, '/machine/peripheral');
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
  await requireServed(disk.source);
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
  if (!(await asksUntilGone(context, handle, diskNames(serial).device))) return false;
  await waitFor(() => triesToRemoveBackend(connections, handle, serial), {
    clock,
    timeoutMs: RELEASE_TIMEOUT_MS,
    intervalMs: RELEASE_LOOK_MS,
    what: `${serial} is let go by QEMU`,
  });
  await removeWay(handle, serial);
  return true;
}

/** Asks the guest to let go of a device, again from time to time; false when its time is up. */
export async function asksUntilGone(
  { connections, clock }: HotPlugContext,
  handle: GuestHandle,
  device: string,
): Promise<boolean> {
  const deadline = clock.monotonicMs() + DETACH_TIMEOUT_MS;
  let askAt = clock.monotonicMs();
  while ((await listDevices(connections, handle)).includes(device)) {
    const now = clock.monotonicMs();
    if (now >= deadline) return false;
    if (now >= askAt) {
      // A second request is refused while the first is pending, and one for a device that has just gone.
      await withoutRefusal(connections.execute(handle, 'device_del', { id: device }));
      askAt = now + DETACH_ASK_AGAIN_MS;
    }
    await clock.sleep(DETACH_LOOK_MS);
  }
  return true;
}

/** What QEMU refuses is done already, or is asked for again later. */
export async function withoutRefusal(command: Promise<unknown>): Promise<void> {
  try {
    await command;
  } catch (error) {
    if (!(error instanceof QmpError)) throw error;
  }
}

/** A device that the guest does not see any more may hold its disk for some milliseconds, on a busy host longer. */
async function triesToRemoveBackend(
  connections: Connections,
  handle: GuestHandle,
  serial: string,
): Promise<boolean> {
  try {
    await removeBackend(connections, handle, serial);
    return true;
  } catch (error) {
    if (error instanceof QmpError) return false;
    throw error;
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
