// Owns the users on the host that guests run as: one for each instance, none of them shared with another cloud.

import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { ServiceError } from '@ironbark/core/errors.ts';
import type { InstanceId } from '@ironbark/core/ids.ts';
import { readKeptFile, removeUnfinished, replaceFile } from '@ironbark/platform/files.ts';

/** systemd's table of users leaves 1,879,048,192 to 2,147,483,647 unused; this starts well inside. */
const FIRST_UID = 1_900_000_000;
/** Users of one data folder: the probe and 4,095 guests. */
const UIDS_PER_CLOUD = 4_096;
const CLOUDS = 60_000;
const PROBE_SLOT = 0;

export interface GuestUsers {
  /** The user of the guest in this slot; undefined when the node is not root and all guests are its own. */
  uidOf(slot: number): number | undefined;
  readonly probeUid: number | undefined;
}

/** The range follows from the folder's first path and is kept, so that a folder can be moved with its files. */
export async function openGuestUsers(dataDir: string, isRoot: boolean): Promise<GuestUsers> {
  if (!isRoot) return { uidOf: () => undefined, probeUid: undefined };
  const path = join(dataDir, 'first-uid');
  await removeUnfinished(path);
  const kept = await readKeptFile(path);
  const first = kept === undefined ? chooseFirstUid(dataDir) : Number(kept.toString());
  if (kept === undefined) await replaceFile(path, String(first));
  return { uidOf: (slot) => first + slot, probeUid: first + PROBE_SLOT };
}

export function chooseFirstUid(dataDir: string): number {
  const hash = createHash('sha256').update(dataDir).digest().readUInt32BE();
  return FIRST_UID + (hash % CLOUDS) * UIDS_PER_CLOUD;
}

/** Gives out slots; one is taken from the moment of the claim, before any record of it is on disk. */
export class GuestSlots {
  readonly #taken = new Map<InstanceId, number>();

  constructor(taken: Iterable<readonly [InstanceId, number]>) {
    this.#taken = new Map(taken);
  }

  /** The instance's slot, or the lowest one that no instance has. */
  claim(id: InstanceId): number {
    const own = this.#taken.get(id);
    if (own !== undefined) return own;
    const taken = new Set(this.#taken.values());
    for (let slot = PROBE_SLOT + 1; slot < UIDS_PER_CLOUD; slot++) {
      if (taken.has(slot)) continue;
      this.#taken.set(id, slot);
      return slot;
    }
    throw new ServiceError({
      kind: 'insufficient-capacity',
      resource: 'host',
      message: `The node has ${UIDS_PER_CLOUD - 1} instances, the most that it can hold.`,
    });
  }

  release(id: InstanceId): void {
    this.#taken.delete(id);
  }
}
