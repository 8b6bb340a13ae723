// Owns how long the disks of a running guest are to it, and making one longer whose target has grown.
//
// QEMU's NBD client learns a target's length when it connects, and a target that has grown has cut it off. QEMU 7.2
// notices that, and connects again, with the next request alone: a flush is one. Then `block_resize` takes the new
// length from the connection to the guest's device, which tells the guest by an interrupt.

import { QmpError } from '@ironbark/platform/qmp.ts';
import type { GuestHandle } from '../hypervisor-driver.ts';
import { diskNames } from './argv.ts';
import type { Connections } from './connections.ts';

interface NodeFacts {
  'node-name'?: string;
  image?: { 'virtual-size': number };
}

/** By the names of their nodes. */
export async function readDiskSizes(
  connections: Connections,
  handle: GuestHandle,
): Promise<Map<string, number>> {
  const reply = await connections.execute(handle, 'query-named-block-nodes', { flat: true });
  const sizes = (reply as NodeFacts[]).flatMap(({ 'node-name': name, image }) =>
    name === undefined || image === undefined ? [] : [[name, image['virtual-size']] as const],
  );
  return new Map(sizes);
}

/** Throws when the target still has its old length. Repeats safely. */
export async function growDisk(
  connections: Connections,
  handle: GuestHandle,
  { serial, sizeBytes }: { serial: string; sizeBytes: number },
): Promise<void> {
  const { node } = diskNames(serial);
  const resize = () =>
    connections.execute(handle, 'block_resize', { 'node-name': node, size: sizeBytes });
  try {
    await resize();
  } catch (error) {
    if (!(error instanceof QmpError)) throw error;
    const flush = { 'command-line': `qemu-io ${node} flush` };
    await connections.execute(handle, 'human-monitor-command', flush);
    await resize();
  }
}
