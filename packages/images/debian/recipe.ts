// Owns what the Debian image contains: packages, units and sizes.

import { GIB } from '@ironbark/core/units.ts';

export type DebianSuite = 'bookworm';

export const DEBIAN_NAMES: Readonly<Record<DebianSuite, string>> = { bookworm: 'debian-12' };
export const DEBIAN_ROOT_BYTES = 2 * GIB;
export const DEBIAN_MIN_MEMORY_MIB = 512;
export const DEBIAN_LABEL = 'ironbark-root';
export const DEBIAN_LOGIN_USER = 'admin';

/** Beside what `minbase` has. No ifupdown: with networkd beside it, boot waits two minutes for the network. */
export const DEBIAN_PACKAGES = [
  'ca-certificates',
  'cloud-init',
  'dbus',
  'e2fsprogs',
  'iproute2',
  'iputils-ping',
  'kmod',
  'less',
  'netbase',
  'openssh-server',
  'procps',
  'sudo',
  'systemd',
  'systemd-resolved',
  'systemd-sysv',
  'udev',
  'vim-tiny',
] as const;

/** Manuals and translations are half of the files; a guest that wants them installs packages anew. */
export const EXCLUDED_PATHS = [
  '/usr/share/man/*',
  '/usr/share/locale/*',
  '/usr/share/doc/*',
  '/usr/share/info/*',
  '/usr/share/bug/*',
] as const;
export const INCLUDED_PATHS = [
  '/usr/share/doc/*/copyright',
  '/usr/share/locale/locale.alias',
] as const;

export const ENABLED_UNITS = ['systemd-networkd', 'systemd-resolved', 'ssh'] as const;
/** Work in the background that a short-lived guest pays for at every boot, and consoles that are not there. */
export const MASKED_UNITS = [
  'apt-daily.timer',
  'apt-daily-upgrade.timer',
  'e2scrub_all.timer',
  'e2scrub_reap.service',
  'getty@tty1.service',
  'systemd-firstboot.service',
  'cloud-init-hotplugd.socket',
  // It looks for metadata before there is a network, with a DHCP client of its own: 20 s of an emulated boot.
  // The next stage, which waits for networkd, finds the same.
  'cloud-init-local.service',
] as const;

/** What the guest updates itself from: Debian's own public names, not this host's mirror. */
export function renderGuestSources(suite: DebianSuite): string {
  return [
    `deb http://deb.debian.org/debian ${suite} main`,
    `deb http://deb.debian.org/debian ${suite}-updates main`,
    `deb http://deb.debian.org/debian-security ${suite}-security main`,
    '',
  ].join('\n');
}
