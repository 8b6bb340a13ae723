// Owns what a node knows of each instance beyond its intent: small documents, one in each instance's folder.

import { readdir } from 'node:fs/promises';
import type { InstanceId, InterfaceId, VolumeId } from '@ironbark/core/ids.ts';
import { isResourceId } from '@ironbark/core/ids.ts';
import type { NicProfile } from '@ironbark/core/io-profile.ts';
import {
  hasCode,
  readKeptFile,
  removeUnfinished,
  replaceFile,
  syncDirectory,
} from '@ironbark/platform/files.ts';
import type { NbdAccess } from '@ironbark/protocol/internal/guest-targets.ts';
import type { GuestHandle } from '../drivers/hypervisor-driver.ts';
import { instanceLayout, instancesDirectory } from './instance-layout.ts';

export interface InstanceRecord {
  id: InstanceId;
  /** Which of the node's guest users the instance has. */
  slot: number;
  /** Pid 0 while a start is under way whose outcome is not known. */
  handle?: GuestHandle;
  /** Generation of the intent that was fully reached last. */
  reachedGeneration: number;
  rebootsDone: number;
  startedAt?: string;
  /** The same as a time of the clock that never jumps. */
  upSinceMs?: number;
  reachableAt?: string;
  /**
   * When the guest was first asked to power down for a stop, and last. Times in milliseconds are of the clock that
   * never jumps; one in the future was written before the host restarted.
   */
  stopAskedAtMs?: number;
  /** The same for a reboot. */
  rebootAskedAtMs?: number;
  lastAskedAtMs?: number;
  /** Generation of the intent under which the guest powered itself off: it stays off until that changes. */
  selfStoppedGeneration?: number;
  /** Ends of the guest that nobody asked for, since it last ran for long. */
  crashes: number;
  crashedAtMs?: number;
  /** Volumes that the guest's own driver has, or is about to have. */
  guestVolumes?: Record<VolumeId, GuestVolumeRecord>;
  nicProfiles: Record<InterfaceId, NicProfile>;
  ssh?: { host: string; port: number };
}

/** All that it takes to repair or to close what is open, also after the intent has forgotten the volume. */
export interface GuestVolumeRecord {
  /** AoE's two numbers of a disk: the first is the guest's in its subnet. */
  shelf: number;
  slot: number;
  /** The host's interface in that subnet. */
  interfaceName: string;
  deviceName: string;
  socketPath: string;
  sizeBytes: number;
  /** Absent: it is reached over AoE. */
  nbd?: NbdAccess;
}

/** The fields that may be absent; `undefined` in a change removes one. */
export type RecordChange = {
  [Key in keyof InstanceRecord]?: InstanceRecord[Key] | undefined;
};

export class RecordStore {
  readonly #dataDir: string;
  readonly #records = new Map<InstanceId, InstanceRecord>();
  readonly #writing = new Map<InstanceId, Promise<unknown>>();

  private constructor(dataDir: string) {
    this.#dataDir = dataDir;
  }

  static async open(dataDir: string): Promise<RecordStore> {
    const store = new RecordStore(dataDir);
    for (const id of await listInstanceFolders(dataDir)) {
      const path = instanceLayout(dataDir, id).record;
      await removeUnfinished(path);
      const bytes = await readKeptFile(path);
      if (bytes !== undefined) store.#records.set(id, JSON.parse(bytes.toString()));
    }
    return store;
  }

  find(id: InstanceId): InstanceRecord | undefined {
    return this.#records.get(id);
  }

  list(): InstanceRecord[] {
    return [...this.#records.values()];
  }

  /** Durable once this resolves. The instance's folder must exist. */
  create(record: InstanceRecord): Promise<void> {
    return this.#alone(record.id, () => this.#write(record));
  }

  /** Changes some fields, durably; an instance without a record stays without. */
  change(id: InstanceId, change: RecordChange): Promise<void> {
    return this.#alone(id, async () => {
      const record = this.#records.get(id);
      if (record === undefined) return;
      const merged = Object.entries({ ...record, ...change }).filter(([, v]) => v !== undefined);
      const changed = Object.fromEntries(merged) as unknown as InstanceRecord;
      if (JSON.stringify(changed) !== JSON.stringify(record)) await this.#write(changed);
    });
  }

  async #write(record: InstanceRecord): Promise<void> {
    const path = instanceLayout(this.#dataDir, record.id).record;
    await replaceFile(path, JSON.stringify(record));
    this.#records.set(record.id, record);
  }

  /** Changes of one record follow each other, so that none is lost. */
  #alone(id: InstanceId, work: () => Promise<void>): Promise<void> {
    const turn = (this.#writing.get(id) ?? Promise.resolve()).then(work);
    const settled = turn.catch(() => {});
    this.#writing.set(id, settled);
    settled.then(() => {
      if (this.#writing.get(id) === settled) this.#writing.delete(id);
    });
    return turn;
  }

  /** Forgets a record whose file has gone with its folder. */
  drop(id: InstanceId): void {
    this.#records.delete(id);
  }
}

/** Instances that have a folder, also those whose making was cut short before the record. */
export async function listInstanceFolders(dataDir: string): Promise<InstanceId[]> {
  try {
    const names = await readdir(instancesDirectory(dataDir));
    // A process that died after a removal may not have synced it.
    await syncDirectory(instancesDirectory(dataDir));
    return names.filter((name) => isResourceId('i', name));
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return [];
    throw error;
  }
}
