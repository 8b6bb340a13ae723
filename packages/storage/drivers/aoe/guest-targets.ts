// Owns the AoE targets of guests: one process for each subnet that has such volumes, a client of their storage
// daemons. It outlives this process and is found again by looking; which disks it serves is its own to say.

import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { ServiceError } from '@ironbark/core/errors.ts';
import type { SubnetId } from '@ironbark/core/ids.ts';
import { isResourceId } from '@ironbark/core/ids.ts';
import type { Clock } from '@ironbark/platform/clock.ts';
import type { Commands } from '@ironbark/platform/commands.ts';
import { ensureDirectory, hasCode } from '@ironbark/platform/files.ts';
import type { Logger } from '@ironbark/platform/logger.ts';
import { openPacketSocket } from '@ironbark/platform/packet-socket.ts';
import { SECTOR_BYTES } from '@ironbark/protocol/aoe/ata.ts';
import { ETHERTYPE_AOE, parseMac } from '@ironbark/protocol/aoe/frame.ts';
import { notServed } from '@ironbark/protocol/internal/block-target.ts';
import type {
  GuestDisk,
  GuestDiskFacts,
  GuestTargets,
} from '@ironbark/protocol/internal/guest-targets.ts';
import type { VolumeUsers } from '../volume-users.ts';
import { closeExport, openExports, readTargetStatus, watchTarget } from './control-client.ts';
import type { ExportStatus, TargetStatus } from './control-server.ts';
import type { PortFacts } from './frame-port.ts';
import { giveSocket, readSocketState, removeSocket, socketNameOf } from './guest-socket.ts';
import { readPort } from './interface-facts.ts';
import {
  type AoeTargetHost,
  endAoeTarget,
  findAoeTarget,
  listensOn,
  startAoeTarget,
} from './target-process.ts';

export interface GuestTargetsOptions {
  /** The storage's folder: absolute, without symbolic links. Targets have to reach sockets of daemons in it. */
  dataDir: string;
  commands: Commands;
  clock: Clock;
  logger: Logger;
  users: VolumeUsers;
}

const FOLDER = 'run/aoe';
const CLOSED: GuestDiskFacts = { isOpen: false, isCutOff: false, isRevoked: false };

export function openGuestTargets(options: GuestTargetsOptions): GuestTargets {
  return new AoeGuestTargets(options);
}

class AoeGuestTargets implements GuestTargets {
  readonly #options: GuestTargetsOptions;
  readonly #listeners = new Set<(subnetId: SubnetId) => void>();
  readonly #watches = new Map<SubnetId, Disposable>();
  /** One change of a target after the other. */
  readonly #turns = new Map<SubnetId, Promise<unknown>>();

  constructor(options: GuestTargetsOptions) {
    this.#options = options;
  }

  async inspect(disk: GuestDisk): Promise<GuestDiskFacts> {
    const host = this.#host(disk.subnetId);
    const { isCutOff, isGone: isRevoked } = await readSocketState(host.folder, disk);
    const found = await this.#findExport(host, disk).catch(() => undefined);
    if (found === undefined) return { ...CLOSED, isCutOff, isRevoked };
    this.#watch(disk.subnetId, host);
    return { isOpen: true, isCutOff, isRevoked, sizeBytes: found.sectors * SECTOR_BYTES };
  }

  open(disk: GuestDisk): Promise<void> {
    return this.#inTurn(disk.subnetId, async () => {
      const host = this.#host(disk.subnetId);
      await ensureDirectory(join(this.#options.dataDir, FOLDER), 0o711);
      await this.#ensureTarget(host, disk);
      try {
        await giveSocket(host, disk);
        await openExports(host, [settingsOf(disk)]);
      } catch (error) {
        throw notServed(error);
      }
      this.#watch(disk.subnetId, host);
    });
  }

  close(disk: GuestDisk, { isForced }: { isForced: boolean }): Promise<void> {
    return this.#inTurn(disk.subnetId, async () => {
      const host = this.#host(disk.subnetId);
      if ((await findAoeTarget(host)) !== undefined) {
        const verb = isForced ? 'revoke' : 'close';
        const left = await closeExport(host, disk, verb);
        if (left.exports.length === 0 && left.revoked === 0) await this.#end(disk.subnetId, host);
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

  #host(subnetId: SubnetId): AoeTargetHost {
    const { dataDir, commands, clock, users } = this.#options;
    const folder = join(dataDir, FOLDER, subnetId);
    return { folder, commands, clock, uid: users.uidOf(subnetId) };
  }

  async #listSubnets(): Promise<SubnetId[]> {
    try {
      const names = await readdir(join(this.#options.dataDir, FOLDER));
      return names.filter((name): name is SubnetId => isResourceId('subnet', name));
    } catch (error) {
      if (hasCode(error, 'ENOENT')) return [];
      throw error;
    }
  }

  async #findExport(host: AoeTargetHost, disk: GuestDisk): Promise<ExportStatus | undefined> {
    const target = await findAoeTarget(host);
    const port = await readPort(this.#options.commands, disk.interfaceName);
    if (target === undefined || port === undefined || !listensOn(target, port)) return undefined;
    const { exports } = await readTargetStatus(host);
    const { shelf, slot, serial } = settingsOf(disk);
    return exports.find(
      (each) => each.shelf === shelf && each.slot === slot && each.serial === serial,
    );
  }

  /** There is a target that hears the interface as it is now. */
  async #ensureTarget(host: AoeTargetHost, disk: GuestDisk): Promise<void> {
    const port = await readPort(this.#options.commands, disk.interfaceName);
    if (port === undefined) throw noInterface(disk);
    const found = await findAoeTarget(host);
    const isUsable = found !== undefined && listensOn(found, port) && (await isAnswering(host));
    if (!isUsable) {
      await this.#end(disk.subnetId, host);
      await this.#start(host, port);
    }
  }

  async #start(host: AoeTargetHost, port: Omit<PortFacts, 'fd'>): Promise<void> {
    const interfaceIndex = port.interfaceIndex!;
    const socket = openPacketSocket({ interfaceIndex, protocol: ETHERTYPE_AOE });
    try {
      const { pid } = await startAoeTarget(host, { ...port, fd: socket.fd });
      this.#options.logger.info('AoE target started', { folder: host.folder, pid });
    } finally {
      socket.close();
    }
  }

  async #end(subnetId: SubnetId, host: AoeTargetHost): Promise<void> {
    this.#unwatch(subnetId);
    await endAoeTarget(host);
  }

  #watch(subnetId: SubnetId, host: AoeTargetHost): void {
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

function settingsOf(disk: GuestDisk) {
  const { volumeId, shelf, slot, macAddress } = disk;
  return {
    ...{ shelf, slot },
    // As QEMU shows the same volume: 20 characters, without the dash.
    serial: volumeId.replace('-', ''),
    path: socketNameOf(volumeId),
    exportName: volumeId,
    admits: [parseMac(macAddress)!],
    isReadOnly: false,
    // Linux's driver never sends a flush.
    writeCache: 'off' as const,
  };
}

function isAnswering(host: AoeTargetHost): Promise<TargetStatus | false> {
  return readTargetStatus(host).catch(() => false);
}

function noInterface({ interfaceName }: GuestDisk): ServiceError {
  return new ServiceError({
    kind: 'unavailable',
    resource: 'network-interface',
    message: `The network ${interfaceName} of the guest is not there yet; the node tries again.`,
  });
}
