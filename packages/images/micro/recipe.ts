// Owns what the micro image contains: packages, programs, kernel modules and sizes.

import { GIB } from '@ironbark/core/units.ts';
import { BOOT_MODULES } from '../boot/initrd.ts';

export const MICRO_NAME = 'micro';
export const MICRO_DESCRIPTION =
  'Small Linux for quick starts and I/O measurement: busybox, ssh, dd, fio, iperf3 on the Debian kernel';
export const MICRO_ROOT_BYTES = 1 * GIB;
export const MICRO_MIN_MEMORY_MIB = 256;
export const MICRO_LABEL = 'ironbark-root';

export const MICRO_PACKAGES = [
  'bash',
  'busybox-static',
  'coreutils',
  'dropbear-bin',
  'e2fsprogs',
  'fio',
  'iperf3',
  'nbd-client',
  'openssh-sftp-server',
  'perl-base',
] as const;

/** Needed by installers, or by what {@link TRIMMED_LIBRARIES} cuts off. */
const SKIPPED =
  /^(base-files|debianutils|debconf|adduser|dpkg|init-system-helpers|python3|logsave|openssh-client|initramfs-tools|linux-base|kmod|libgfapi0|libibverbs1|libnbd0|libpmem1|libpmemblk1|librados2|librbd1|librdmacm1|libssl3(t64)?|libsctp1|libss2)$/;

export function isSkippedPackage(name: string): boolean {
  return SKIPPED.test(name);
}

/** Where a program of a package goes; all programs lie in one folder. */
export interface Program {
  /** In the unpacked packages; the first that exists is taken. */
  from: readonly string[];
  to: string;
  /** Other names of the same program. */
  links?: readonly string[];
}

export const MICRO_PROGRAMS: readonly Program[] = [
  { from: ['usr/bin/busybox', 'bin/busybox'], to: 'usr/bin/busybox' },
  // busybox's own shell prefers its own applets to better programs of the same name.
  { from: ['usr/bin/bash', 'bin/bash'], to: 'usr/bin/bash', links: ['sh'] },
  // busybox's own dd lacks the flags that the paper's runs use, its mke2fs makes ext2 only.
  { from: ['usr/bin/dd', 'bin/dd'], to: 'usr/bin/dd' },
  {
    from: ['usr/sbin/mke2fs', 'sbin/mke2fs'],
    to: 'usr/bin/mke2fs',
    links: ['mkfs.ext2', 'mkfs.ext3', 'mkfs.ext4'],
  },
  { from: ['usr/sbin/e2fsck', 'sbin/e2fsck'], to: 'usr/bin/e2fsck', links: ['fsck.ext4'] },
  { from: ['usr/sbin/resize2fs', 'sbin/resize2fs'], to: 'usr/bin/resize2fs' },
  { from: ['usr/sbin/tune2fs', 'sbin/tune2fs'], to: 'usr/bin/tune2fs' },
  { from: ['usr/sbin/dropbear'], to: 'usr/bin/dropbear' },
  { from: ['usr/bin/dropbearkey'], to: 'usr/bin/dropbearkey' },
  { from: ['usr/lib/openssh/sftp-server'], to: 'usr/lib/openssh/sftp-server' },
  { from: ['usr/bin/fio'], to: 'usr/bin/fio' },
  { from: ['usr/bin/iperf3'], to: 'usr/bin/iperf3' },
  { from: ['usr/sbin/nbd-client', 'sbin/nbd-client'], to: 'usr/bin/nbd-client' },
  // For ironbark-nbd, which uses none of its modules.
  { from: ['usr/bin/perl'], to: 'usr/bin/perl' },
];

/** Libraries that are cut off, by patterns of their sonames: 60 MiB for what the image does not offer. */
export const TRIMMED_LIBRARIES: readonly RegExp[] = [
  /^libgfapi\.so/, // fio: Gluster
  /^libnbd\.so/, // fio: NBD in user space; the kernel's client is there
  /^libibverbs\.so/, // fio: RDMA
  /^librdmacm\.so/,
  /^librados\.so/, // fio: Ceph
  /^librbd\.so/,
  /^libpmem(blk)?\.so/, // fio: persistent memory
  /^libcrypto\.so/, // iperf3: passwords
  /^libssl\.so/,
  /^libsctp\.so/, // iperf3: SCTP
];

/** On the root disk for modprobe. Names that a kernel has built in or lacks are ignored. */
export const ROOT_MODULES = [
  ...BOOT_MODULES,
  'button',
  'evdev',
  'virtio_rng',
  'virtio_balloon',
  'virtio_scsi',
  'virtio_console',
  'sd_mod',
  'sr_mod',
  'nvme',
  'nvme_fabrics',
  'nvme_tcp',
  'nbd',
  'aoe',
  'rbd',
  'loop',
  'brd',
  'null_blk',
  'dm_mod',
  'raid0',
  'raid1',
  'xfs',
  'vfat',
  'nls_ascii',
  'nls_cp437',
  'isofs',
  'overlay',
  'squashfs',
  'crc32c_intel',
  'crc32c_generic',
  '8021q',
  'bonding',
  'bridge',
  'dummy',
  'macvlan',
  'tun',
  'veth',
  'vxlan',
  'af_packet',
  'tcp_bbr',
  'sch_fq',
] as const;
