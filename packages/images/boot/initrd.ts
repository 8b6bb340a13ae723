// Owns the initrd of our images: busybox, the modules on the way to the root disk, and the script that goes it.
// Distributions' own initrds are ten times as large and cost an emulated guest half a minute.

import { readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { type CpioEntry, renderCpio } from '../build/cpio-archive.ts';
import { inLoadOrder, type KernelModule } from '../build/kernel-modules.ts';

/** Loaded in this order, what they depend on first; enough to reach the root disk and the network. */
export const BOOT_MODULES = ['virtio_pci', 'virtio_blk', 'virtio_net'] as const;
/** And on Xen these, whose disks and cards are no PCI devices. */
const XEN_MODULES = ['xen_blkfront', 'xen_netfront'];

const INIT_SCRIPT = join(import.meta.dirname, 'guest-init');
const APPLETS = [
  'cat',
  'insmod',
  'mkdir',
  'mount',
  'poweroff',
  'rm',
  'sh',
  'sleep',
  'switch_root',
  'usleep',
];

export interface InitrdInput {
  busyboxPath: string;
  modulesFolder: string;
  modules: ReadonlyMap<string, KernelModule>;
  /** Before the others; of a kernel that does not have the root's file system built in. */
  first?: readonly string[];
}

/** Not compressed: unpacking costs an emulated guest more than reading. */
export async function renderInitrd(input: InitrdInput): Promise<Buffer> {
  const always = inLoadOrder(input.modules, [...(input.first ?? []), ...BOOT_MODULES]);
  const onXen = inLoadOrder(input.modules, XEN_MODULES).filter((each) => !always.includes(each));
  const entries: CpioEntry[] = [
    ...['bin', 'dev', 'modules', 'proc', 'sys'].map((path) => ({
      kind: 'directory' as const,
      path,
    })),
    { kind: 'character-device', path: 'dev/console', major: 5, minor: 1 },
    { kind: 'file', path: 'init', contents: await readFile(INIT_SCRIPT), mode: 0o755 },
    { kind: 'file', path: 'bin/busybox', contents: await readFile(input.busyboxPath), mode: 0o755 },
    ...APPLETS.map((name) => ({ kind: 'link' as const, path: `bin/${name}`, target: 'busybox' })),
    { kind: 'file', path: 'modules/order', contents: renderOrder(always) },
    { kind: 'file', path: 'modules/order-on-xen', contents: renderOrder(onXen) },
  ];
  for (const module of [...always, ...onXen]) {
    const contents = await readFile(join(input.modulesFolder, module.path));
    entries.push({ kind: 'file', path: `modules/${basename(module.path)}`, contents });
  }
  return renderCpio(entries);
}

function renderOrder(modules: readonly KernelModule[]): Buffer {
  return Buffer.from(modules.map(({ path }) => `${basename(path)}\n`).join(''));
}
