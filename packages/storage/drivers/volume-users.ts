// Owns the users on the host that volumes' daemons run as: one for each volume, none of them shared with a guest or
// with another cloud, so that a daemon that is taken over by its client holds one volume and no other.

import { createHash } from 'node:crypto';
import type { VolumeId } from '@ironbark/core/ids.ts';

export interface VolumeUsers {
  /** May enter the folders of volumes; the files in them are each their own user's. */
  gid: number;
  uidOf(id: VolumeId): number;
}

/**
 * systemd's table of users leaves 1,879,048,192 to 2,147,483,647 unused, of which guests have what lies above
 * 1,900,000,000. In a cloud of a thousand volumes two share a user once in forty clouds; they still share no view.
 */
const FIRST = 1_880_000_000;
const COUNT = 19_900_000;

export function openVolumeUsers(dataDir: string, isRoot: boolean): VolumeUsers | undefined {
  if (!isRoot) return undefined;
  return { gid: numberOf(dataDir), uidOf: (id) => numberOf(`${dataDir} ${id}`) };
}

function numberOf(text: string): number {
  return FIRST + (createHash('sha256').update(text).digest().readUInt32BE() % COUNT);
}
