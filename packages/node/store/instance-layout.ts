// Owns the names on a node's disk: every path follows from the data folder and an id.

import { join } from 'node:path';
import type { InstanceId } from '@ironbark/core/ids.ts';

export interface InstanceLayout {
  /** Of root, others may pass through; the guest's user cannot replace anything in it. */
  directory: string;
  /** The guest's user's own: QEMU's working directory and sockets. */
  run: string;
  record: string;
  rootDisk: string;
  kernel: string;
  initrd: string;
  console: string;
}

/** How QEMU names the boot files, from its working directory; the folders above may be closed to its user. */
export const GUEST_VIEW = {
  rootDisk: '../root.raw',
  kernel: '../kernel',
  initrd: '../initrd',
} as const;

export function instancesDirectory(dataDir: string): string {
  return join(dataDir, 'instances');
}

export function instanceLayout(dataDir: string, id: InstanceId): InstanceLayout {
  const directory = join(instancesDirectory(dataDir), id);
  return {
    directory,
    run: join(directory, 'run'),
    record: join(directory, 'record.json'),
    rootDisk: join(directory, 'root.raw'),
    kernel: join(directory, 'kernel'),
    initrd: join(directory, 'initrd'),
    console: join(directory, 'console.log'),
  };
}
