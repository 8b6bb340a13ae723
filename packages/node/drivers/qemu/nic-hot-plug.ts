// Owns plugging network cards into a running guest and out of it, by QMP. Each function repeats safely.

import type { InterfaceId } from '@ironbark/core/ids.ts';
import type { GuestHandle, GuestNic } from '../hypervisor-driver.ts';
import { netdevName, netdevParameters, nicDevice, nicName, type TapNames } from './argv.ts';
import { asksUntilGone, type HotPlugContext, listDevices, withoutRefusal } from './hot-plug.ts';
import { type OpenTap, openPort } from './launch.ts';

const PREFIX = nicName('');

/** Those that the guest has, whether it uses them or not. */
export async function listPluggedNics(
  { connections }: Pick<HotPlugContext, 'connections'>,
  handle: GuestHandle,
): Promise<InterfaceId[]> {
  const names = await listDevices(connections, handle);
  const own = names.filter((name) => name.startsWith(PREFIX));
  return own.map((name) => name.slice(PREFIX.length) as InterfaceId);
}

export async function plugNic(
  context: HotPlugContext & { openTap: OpenTap },
  handle: GuestHandle,
  nic: GuestNic,
): Promise<void> {
  const { connections } = context;
  if ((await listPluggedNics(context, handle)).includes(nic.id)) return;
  // What a broken attempt left.
  await cutNic(context, handle, nic.id);
  const tap = await passTap(context, handle, nic);
  await connections.execute(handle, 'netdev_add', netdevParameters(nic, tap));
  await connections.execute(handle, 'device_add', nicDevice(nic, tap?.fds.length ?? 1));
}

/** False when the guest has not let go in time; asking continues in the guest and can be repeated. */
export async function unplugNic(
  context: HotPlugContext,
  handle: GuestHandle,
  id: InterfaceId,
): Promise<boolean> {
  if (!(await asksUntilGone(context, handle, nicName(id)))) return false;
  await cutNic(context, handle, id);
  return true;
}

/** The card stays, with its link down, and its tap is closed. QEMU names no way to list these; one that is not there is fine. */
export async function cutNic(
  { connections }: HotPlugContext,
  handle: GuestHandle,
  id: InterfaceId,
): Promise<void> {
  await withoutRefusal(connections.execute(handle, 'netdev_del', { id: netdevName(id) }));
}

/** Hands the tap's descriptors to QEMU, which is in no place to open it. */
async function passTap(
  { connections, openTap }: HotPlugContext & { openTap: OpenTap },
  handle: GuestHandle,
  { id, port }: GuestNic,
): Promise<TapNames | undefined> {
  if (port.kind !== 'tap') return undefined;
  const tap = await openPort({ openTap }, port);
  try {
    const pass = async (kind: string, fds: readonly number[]) => {
      const names = fds.map((_, index) => `${kind}-${id}-${index}`);
      for (const [index, fd] of fds.entries()) {
        await connections.passDescriptor(handle, names[index]!, fd);
      }
      return names;
    };
    return { fds: await pass('tap', tap.fds), vhostFds: await pass('vhost', tap.vhostFds) };
  } finally {
    tap.close();
  }
}
