// Owns which configurations share a guest: as many as fit, so that it starts once for all of them. Pure.

import { MOST_DISKS } from '../guest/qemu-arguments.ts';
import type { Configuration } from '../matrix/configuration.ts';

/** A `pc` has 32 slots, and each disk takes one at most. */
const MOST_CONFIGURATIONS = 20;

export function groupForGuests(configurations: readonly Configuration[]): Configuration[][] {
  const groups: Configuration[][] = [];
  for (const each of configurations) {
    const group = groups.find((candidate) => hasRoom(candidate, each));
    if (group === undefined) groups.push([each]);
    else group.push(each);
  }
  return groups;
}

function hasRoom(group: readonly Configuration[], { profile }: Configuration): boolean {
  const bus = profile!.bus;
  const most = bus === 'lsi53c895a' || bus === 'ide' ? MOST_DISKS[bus] : MOST_CONFIGURATIONS;
  const same = group.filter((each) => each.profile!.bus === bus).length;
  return group.length < MOST_CONFIGURATIONS && same < most;
}
