// Owns the enclosure of guests on a node: what QEMU finds in it, and whether this host lets QEMU run there.

import { join } from 'node:path';
import type { Commands } from '@ironbark/platform/commands.ts';
import { tryConfined } from '@ironbark/platform/confined-start.ts';
import { asUser, CLEAN_ENVIRONMENT } from '@ironbark/platform/confinement.ts';
import { type Enclosure, ensureEnclosure } from '@ironbark/platform/enclosure.ts';
import { QEMU } from './argv.ts';
import { guestProcessLimits } from './guest-limits.ts';

/** A tap and vhost arrive as descriptors, so these are all. */
const DEVICES = ['/dev/null', '/dev/kvm'];

export function ensureGuestEnclosure(dataDir: string): Promise<Enclosure> {
  const searchPath = CLEAN_ENVIRONMENT['PATH']!;
  const directory = join(dataDir, 'enclosure');
  return ensureEnclosure({ directory, programs: [QEMU], searchPath, devices: DEVICES });
}

/** Undefined when it works. `folder` stands for a guest's. */
export function whyNotEnclosed(
  commands: Commands,
  enclosure: Enclosure,
  { uid, folder }: { uid: number; folder: string },
): Promise<string | undefined> {
  return tryConfined(commands, {
    file: QEMU,
    args: ['--version'],
    confinement: asUser(uid),
    limits: guestProcessLimits(1, 0),
    enclosure,
    folder,
    workingDirectory: '',
    ownNetwork: true,
  });
}
