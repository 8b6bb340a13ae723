// Owns the targets of one kind: one process for each subnet that has such volumes, a client of their storage daemons. It
// outlives this process and is found again by looking; which disks it serves is its own to say.

import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { SubnetId } from '@ironbark/core/ids.ts';
import { isResourceId } from '@ironbark/core/ids.ts';
import type { Clock } from '@ironbark/platform/clock.ts';
import type { Commands } from '@ironbark/platform/commands.ts';
import { ensureDirectory, hasCode } from '@ironbark/platform/files.ts';
import type { Logger } from '@ironbark/platform/logger.ts';
import type { HostProcess, ProcessIdentity } from '@ironbark/platform/processes.ts';
import { notServed } from '@ironbark/protocol/internal/block-target.ts';
import type {
  DiskWork,
  GuestDisk,
  GuestDiskFacts,
  GuestTargets,
} from '@ironbark/protocol/internal/guest-targets.ts';
import type { VolumeUsers } from '../volume-users.ts';
import { askTarget, watchTarget } from './control-line.ts';
import { endTarget, findTarget, type TargetHost } from './target-process.ts';
import { giveSocket, readSocketState, removeSocket } from './volume-socket.ts';

export interface GuestTargetsOptions {
  /** The storage's folder: absolute, without symbolic links. Targets have to reach sockets of daemons in it. */
  dataDir: string;
  commands: Commands;
  clock: Clock;
  logger: Logger;
  users: VolumeUsers;
}

export interface OpenDisk {
  sizeBytes: number;
  work: DiskWork;
}

/** What targets for one way to reach a disk have of their own. */
export interface TargetKind {
  /** For people. */
  readonly what: string;
  /** Below the storage's folder: it has a folder for each subnet. */
  readonly folder: string;
  /** The module that is the process. */
  readonly main: string;
  /** It hears the guest's network as it is now. */
  hears(found: HostProcess, host: TargetHost, disk: GuestDisk): Promise<boolean>;
  /** Throws where the network is not there. */
  start(host: TargetHost, disk: GuestDisk): Promise<ProcessIdentity>;
  open(host: TargetHost, disk: GuestDisk): Promise<void>;
  find(found: HostProcess, host: TargetHost, disk: GuestDisk): Promise<OpenDisk | undefined>;
  /** When it resolves the guest is answered no more; true: the target has nothing left to do. */
  close(host: TargetHost, disk: GuestDisk, options: { isForced: boolean }): Promise<boolean>;
}

const CLOSED: GuestDiskFacts = { isOpen: false, isCutOff: false, isRevoked: false };

export class SubnetTargets implements GuestTargets {
  readonly #options: GuestTargetsOptions;
  readonly #kind: TargetKind;
  readonly #listeners = new Set<(subnetId: SubnetId) => void>();
  readonly #watches = new Map<SubnetId, Disposable>();
  /** One change of a target after the other. */
  readonly #turns = new Map<SubnetId, Promise<unknown>>();

  constructor(options: GuestTargetsOptions, kind: TargetKind) {
    this.#options = options;
    this.#kind = kind;
  }

  async inspect(disk: GuestDisk): Promise<GuestDiskFacts> {
    const host = this.#host(disk.subnetId);
    const { isCutOff, isGone: isRevoked } = await readSocketState(host.folder, disk);
    const found = await this.#find(host, disk).catch(() => undefined);
    if (found === undefined) return { ...CLOSED, isCutOff, isRevoked };
    this.#watch(disk.subnetId, host);
    return { isOpen: true, isCutOff, isRevoked, ...found };
  }

  async #find(host: TargetHost, disk: GuestDisk): Promise<OpenDisk | undefined> {
    const target = await findTarget(host, this.#kind.main);
    if (target === undefined || !(await this.#kind.hears(target, host, disk))) return undefined;
    return await this.#kind.find(target, host, disk);
  }

  open(disk: GuestDisk): Promise<void> {
    return this.#inTurn(disk.subnetId, async () => {
      const host = this.#host(disk.subnetId);
      await ensureDirectory(join(this.#options.dataDir, this.#kind.folder), 0o711);
      await this.#ensureTarget(host, disk);
      try {
        await giveSocket(host, disk);
        await this.#kind.open(host, disk);
      } catch (error) {
        throw notServed(error);
      }
      this.#watch(disk.subnetId, host);
    });
  }

  close(disk: GuestDisk, options: { isForced: boolean }): Promise<void> {
    return this.#inTurn(disk.subnetId, async () => {
      const host = this.#host(disk.subnetId);
      if ((await findTarget(host, this.#kind.main)) !== undefined) {
        const isIdle = await this.#kind.close(host, disk, options);
        if (isIdle) await this.#end(disk.subnetId, host);
      }
      await removeSocket(host.folder, disk);
    });
  }

  onEnd(listener: (subnetId: SubnetId) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async endAll(): Promise<void> {
    for (const id of await this.#listSubnets()) {
      await this.#inTurn(id, () => this.#end(id, this.#host(id)));
    }
  }

  detach(): void {
    this.#listeners.clear();
    for (const id of [...this.#watches.keys()]) this.#unwatch(id);
  }

  #host(subnetId: SubnetId): TargetHost {
    const { dataDir, commands, clock, users } = this.#options;
    const folder = join(dataDir, this.#kind.folder, subnetId);
    return { folder, commands, clock, uid: users.uidOf(subnetId) };
  }

  async #listSubnets(): Promise<SubnetId[]> {
    try {
      const names = await readdir(join(this.#options.dataDir, this.#kind.folder));
      return names.filter((name): name is SubnetId => isResourceId('subnet', name));
    } catch (error) {
      if (hasCode(error, 'ENOENT')) return [];
      throw error;
    }
  }

  async #ensureTarget(host: TargetHost, disk: GuestDisk): Promise<void> {
    const found = await findTarget(host, this.#kind.main);
    const isUsable =
      found !== undefined && (await this.#kind.hears(found, host, disk)) && (await answers(host));
    if (isUsable) return;
    await this.#end(disk.subnetId, host);
    const { pid } = await this.#kind.start(host, disk);
    this.#options.logger.info('target of guests started', {
      what: this.#kind.what,
      folder: host.folder,
      pid,
    });
  }

  async #end(subnetId: SubnetId, host: TargetHost): Promise<void> {
    this.#unwatch(subnetId);
    await endTarget(host, this.#kind.main);
  }

  #watch(subnetId: SubnetId, host: TargetHost): void {
    if (this.#watches.has(subnetId)) return;
    const onEnd = () => {
      this.#watches.delete(subnetId);
      for (const listener of this.#listeners) listener(subnetId);
    };
    this.#watches.set(subnetId, watchTarget(host, onEnd));
  }

  #unwatch(subnetId: SubnetId): void {
    this.#watches.get(subnetId)?.[Symbol.dispose]();
    this.#watches.delete(subnetId);
  }

  #inTurn<T>(subnetId: SubnetId, work: () => Promise<T>): Promise<T> {
    const turn = (this.#turns.get(subnetId) ?? Promise.resolve()).then(work);
    this.#turns.set(
      subnetId,
      turn.catch(() => {}),
    );
    return turn;
  }
}

function answers(host: TargetHost): Promise<boolean> {
  return askTarget(host, { verb: 'status' }).then(
    () => true,
    () => false,
  );
}
