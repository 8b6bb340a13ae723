// Owns the users on the host that volumes' daemons run as: one for each volume, none of them shared with a guest or
// with another cloud, so that a daemon that is taken over by its client holds one volume and no other.

import { createHash } from 'node:crypto';
import type { SubnetId, VolumeId } from '@ironbark/core/ids.ts';

export interface VolumeUsers {
  /** May enter the folders of volumes; of the files in them each is its own user's group's. */
  gid: number;
  /** Of a subnet: its target's, which is a client of volumes' daemons. */
  uidOf(id: VolumeId | SubnetId): number;
}

/**
 * systemd's table of users leaves 1,879,048,192 to 2,147,483,647 unused, of which guests have what lies above
 * 1,900,000,000. In a cloud of a thousand volumes two share a user once in forty clouds; they still share no view.
 */
const FIRST = 1_880_000_000;
const COUNT = 19_900_000;

/** `gid` is the group of all of a folder's daemons; a folder that was moved keeps it. */
export function volumeUsersOf(dataDir: string, gid: number): VolumeUsers {
  return { gid, uidOf: (id) => numberOf(`${dataDir} ${id}`) };
}

function numberOf(text: string): number {
  return FIRST + (createHash('sha256').update(text).digest().readUInt32BE() % COUNT);
}
