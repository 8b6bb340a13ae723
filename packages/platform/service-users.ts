// Owns the users on the host that services of a cloud run as: their numbers follow from the data folder, so that two
// clouds share none.

import { createHash } from 'node:crypto';
import { lstat } from 'node:fs/promises';
import { join } from 'node:path';

/** Far above users of the host (60,000), of systemd (0x7fff0000 stays clear) and of subordinate ids. */
const FIRST_UID = 2_046_820_352;
const UIDS_PER_SERVICE = 2 ** 20;
/** Each has numbers of its own. */
const SERVICES = ['block-targets', 'controllers', 'gate-clients'] as const;

export type ServiceUser = (typeof SERVICES)[number];

/** `folder` is absolute and without symbolic links. */
export function serviceUid(service: ServiceUser, folder: string): number {
  const digest = createHash('sha256').update(folder).digest();
  const first = FIRST_UID + SERVICES.indexOf(service) * UIDS_PER_SERVICE;
  return first + (digest.readUInt32BE() % UIDS_PER_SERVICE);
}

/** As {@link serviceUid}; a folder that was moved keeps the user that has a part of it already. */
export async function serviceUidOf(
  service: ServiceUser,
  folder: string,
  part: string,
): Promise<number> {
  const facts = await lstat(join(folder, part)).catch(() => undefined);
  const first = FIRST_UID + SERVICES.indexOf(service) * UIDS_PER_SERVICE;
  const isKept = facts !== undefined && facts.uid >= first && facts.uid < first + UIDS_PER_SERVICE;
  return isKept ? facts.uid : serviceUid(service, folder);
}
