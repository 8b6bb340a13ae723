// Owns what is said of a disk that is to be served over NBD, and the check of it: the owner's word comes over a socket.

import { type Check, list, object, pattern } from '@ironbark/protocol/internal/wire/checks.ts';

export interface NbdDiskSettings {
  /** As QEMU shows the same volume: 20 characters. */
  serial: string;
  /** Of the socket of the volume's storage daemon, as the target sees it. */
  path: string;
  /** What the volume is called at that socket. */
  exportName: string;
  /** The only one that is answered. */
  guestAddress: string;
  /** The name under which that one finds the disk: a secret. */
  key: string;
}

/** More disks than this in one subnet want a second target. */
const MAX_DISKS = 4_096;
const SERIAL = pattern<string>(/^[A-Za-z0-9._-]{1,20}$/);

const settings = object<NbdDiskSettings>({
  serial: SERIAL,
  path: pattern(/^[A-Za-z0-9._/-]{1,512}$/),
  exportName: pattern(/^[A-Za-z0-9._-]{1,64}$/),
  guestAddress: pattern(/^[0-9.]{7,15}$/),
  key: pattern(/^[0-9a-f]{64}$/),
});

export const diskList: Check<NbdDiskSettings[]> = list(settings, MAX_DISKS);
export const serialList: Check<string[]> = list(SERIAL, MAX_DISKS);

export function isSameDisk(present: NbdDiskSettings, next: NbdDiskSettings): boolean {
  const names = ['serial', 'path', 'exportName', 'guestAddress', 'key'] as const;
  return names.every((name) => present[name] === next[name]);
}
