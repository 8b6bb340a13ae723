// Owns what a test host is made of: Debian packages, kernel modules, and how large it is.

import { GIB } from '@ironbark/core/units.ts';
import {
  LAB_NETWORK_PACKAGES,
  NETWORK_PACKAGES,
  RUN_PACKAGES,
} from '../../../../packages/cli/host-packages.ts';

/** Debian's kernel for all machines: the one for guests has neither KVM nor the drivers of 2010. */
export const HOST_KERNEL = 'linux-image-amd64';
/** Beside the root disk, not installed on it. */
export const HOST_BOOT_PACKAGES = [HOST_KERNEL, 'xen-hypervisor-4.17-amd64'];

const TOOLS = [
  ...['busybox-static', 'kmod', 'openssh-server', 'procps', 'dmsetup'],
  // The kernel's own initiators, as the paper's host used them.
  ...['aoetools', 'nbd-client', 'fio'],
  'xen-utils-4.17',
];

/** What the product asks of a host, so that `up` has nothing to install, and what the tests need beside it. */
export const HOST_PACKAGES: readonly string[] = [
  ...new Set([
    ...[...RUN_PACKAGES, ...NETWORK_PACKAGES, ...LAB_NETWORK_PACKAGES].map(({ name }) => name),
    ...TOOLS,
  ]),
].sort();

/** Sparse; what its clouds may fill. */
export const HOST_ROOT_BYTES = 12 * GIB;
export const HOST_LABEL = 'test-host';
export const HOST_USER = 'root';

/** Before the root disk can be mounted; the kernel for all machines has them as modules. */
export const ROOT_MODULES = ['crc32c_generic', 'crc32c_intel', 'ext4'];

/** Half of the bytes of the kernel's modules, for devices that no emulated machine has. */
export const UNWANTED_MODULES = [
  ...[
    'sound',
    'drivers/gpu',
    'drivers/media',
    'drivers/staging',
    'drivers/iio',
    'drivers/infiniband',
  ],
  ...['drivers/net/wireless', 'drivers/usb', 'drivers/input', 'drivers/hid'],
  ...['drivers/platform', 'drivers/hwmon', 'drivers/mfd', 'drivers/video', 'drivers/edac'],
].map((path) => `kernel/${path}`);

export const HOST_KERNEL_PARAMETERS = [
  'root=/dev/vda', // the initrd looks for the serial `root` first
  'rootfstype=ext4',
  'quiet', // every line on an emulated serial port costs time
  'mitigations=off',
  'tsc=reliable',
  'no_timer_check',
  'random.trust_cpu=on',
  'cryptomgr.notests',
  'net.ifnames=0',
].join(' ');
