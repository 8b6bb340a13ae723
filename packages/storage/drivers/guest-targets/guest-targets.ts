// Owns which kind of target opens a disk to its guest: AoE's or NBD's.

import type { GuestDisk, GuestTargets } from '@ironbark/protocol/internal/guest-targets.ts';
import { aoeTargets } from '../aoe/aoe-targets.ts';
import { nbdTargets } from '../nbd-target/nbd-targets.ts';
import { type GuestTargetsOptions, SubnetTargets } from './subnet-targets.ts';

export function openGuestTargets(options: GuestTargetsOptions): GuestTargets {
  const aoe = new SubnetTargets(options, aoeTargets(options.commands));
  const nbd = new SubnetTargets(options, nbdTargets());
  const of = (disk: GuestDisk) => (disk.nbd === undefined ? aoe : nbd);
  return {
    inspect: (disk) => of(disk).inspect(disk),
    open: (disk) => of(disk).open(disk),
    close: (disk, how) => of(disk).close(disk, how),
    onEnd: (listener) => {
      const stops = [aoe.onEnd(listener), nbd.onEnd(listener)];
      return () => {
        for (const stop of stops) stop();
      };
    },
    endAll: async () => {
      await Promise.all([aoe.endAll(), nbd.endAll()]);
    },
    detach: () => {
      aoe.detach();
      nbd.detach();
    },
  };
}
