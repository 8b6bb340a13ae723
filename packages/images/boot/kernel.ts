// Owns the kernel of our images: the package, what it is told, and where its parts lie in the package.

import { readdir } from 'node:fs/promises';
import { join } from 'node:path';

/** The kernel for guests boots twice as fast under emulation as the one for real machines. */
export const KERNEL_PACKAGE = 'linux-image-cloud-amd64';

/** Installers' machinery that the kernel's package depends on. */
export const KERNEL_SKIPPED: readonly string[] = ['initramfs-tools', 'linux-base', 'kmod'];

export const KERNEL_PARAMETERS = [
  'root=/dev/vda', // the initrd looks for the serial `root` first
  'rootfstype=ext4',
  'console=ttyS0,115200',
  'quiet', // every line on an emulated serial port costs time
  'mitigations=off', // one tenant to a guest; the host keeps its own
  'tsc=reliable',
  'no_timer_check',
  'random.trust_cpu=on',
  'cryptomgr.notests',
].join(' ');

export interface UnpackedKernel {
  release: string;
  modulesFolder: string;
  imagePath: string;
}

export async function findKernel(unpacked: string): Promise<UnpackedKernel> {
  const files = await readdir(join(unpacked, 'boot'));
  const image = files.find((name) => name.startsWith('vmlinuz-'));
  if (image === undefined) throw new Error('the kernel package contains no vmlinuz');
  const release = image.slice('vmlinuz-'.length);
  for (const folder of ['lib/modules', 'usr/lib/modules']) {
    const modulesFolder = join(unpacked, folder, release);
    const names = await readdir(modulesFolder).catch(() => []);
    if (names.length > 0)
      return { release, modulesFolder, imagePath: join(unpacked, 'boot', image) };
  }
  throw new Error('the kernel package contains no modules');
}
