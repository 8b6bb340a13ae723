// Owns what a guest finds in place of a volume that was taken from it by force: a server of the node's own that ends each
// request with an error. QEMU waits for the volume otherwise, and with it the guest and whoever asks something of them,
// for as long as it would for one that comes back (RECONNECT_DELAY_S).
//
// A server ends with its process. The next one finds the guest without an answer and serves it anew.

import { join } from 'node:path';
import type { VolumeId } from '@ironbark/core/ids.ts';
import type { Clock } from '@ironbark/platform/clock.ts';
import { exists, removeFile } from '@ironbark/platform/files.ts';
import { failingDisk } from '@ironbark/platform/nbd/failing-disk.ts';
import { listenForNbd } from '@ironbark/platform/nbd/listener.ts';
import type { BlockExport } from '@ironbark/protocol/internal/instance-messages.ts';
import type { GuestHandle } from '../hypervisor-driver.ts';
import { ensureReachable, isCutOff } from './target-socket.ts';

/** A volume that a guest has. */
export interface GuestVolume {
  serial: VolumeId;
  source: BlockExport;
  /** The guest is to have it. One that is served nowhere is waited for all the same. */
  isWanted: boolean;
}

/** A target's name goes when nobody may open the volume any more, and may be away for a moment while that one is moved. */
const GONE_MS = 2_000;
const LOOK_MS = 250;
/** QEMU has one; the next may come before the end of the last is seen. */
const MAX_CONNECTIONS = 2;

export class LostVolumes {
  readonly #clock: Clock;
  readonly #goneSince = new Map<string, number>();
  readonly #servers = new Map<string, AsyncDisposable>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** It was taken from the guest and is not coming back. */
  async isLost({ directory }: GuestHandle, volume: GuestVolume): Promise<boolean> {
    const place = placeOf(directory, volume.serial);
    const { source, isWanted } = volume;
    if (isWanted || source.kind !== 'nbd-unix' || (await exists(source.socketPath))) {
      this.#goneSince.delete(place);
      return false;
    }
    const nowMs = this.#clock.monotonicMs();
    const sinceMs = this.#goneSince.get(place) ?? nowMs;
    this.#goneSince.set(place, sinceMs);
    return nowMs - sinceMs >= GONE_MS;
  }

  /** It is lost, and what the guest asks of it is not answered yet. */
  async isUnanswered(handle: GuestHandle, volume: GuestVolume): Promise<boolean> {
    if (!(await this.isLost(handle, volume))) return false;
    const answering = answeringDisk(handle, volume.serial);
    const isServed = this.#servers.has(answering.source.socketPath);
    return !isServed || (await isCutOff(handle, answering));
  }

  /** Leads the guest to errors; what it has waiting ends within the time in which QEMU tries again. Repeats safely. */
  async answer(handle: GuestHandle, serial: VolumeId): Promise<void> {
    const path = placeOf(handle.directory, serial);
    if (!this.#servers.has(path)) {
      const disk = failingDisk(this.#clock);
      const exports = { find: () => disk };
      this.#servers.set(
        path,
        await listenForNbd({ path, exports, maxConnections: MAX_CONNECTIONS }),
      );
    }
    await ensureReachable(handle, answeringDisk(handle, serial));
  }

  /** As soon as the volume is lost, as long as `work` lasts: what is asked of QEMU meanwhile may wait for that. */
  async answerDuring<T>(
    handle: GuestHandle,
    volume: GuestVolume | undefined,
    work: () => Promise<T>,
  ): Promise<T> {
    if (volume === undefined) return await work();
    const done = new AbortController();
    const answering = this.#answerUntil(handle, volume, done.signal);
    try {
      return await work();
    } finally {
      done.abort();
      await answering;
    }
  }

  async #answerUntil(handle: GuestHandle, volume: GuestVolume, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        if (await this.isUnanswered(handle, volume)) await this.answer(handle, volume.serial);
        await this.#clock.sleep(LOOK_MS, signal);
      } catch {
        // The work is done; or it could not be answered, which is tried again whenever the guest is looked at.
        return;
      }
    }
  }

  /** The guest has let go of the volume, or has it again. */
  async forget({ directory }: Pick<GuestHandle, 'directory'>, serial: VolumeId): Promise<void> {
    const place = placeOf(directory, serial);
    await this.#end(place);
    // A process that died has left it.
    await removeFile(place);
  }

  /** The guest is gone. */
  async forgetAll({ directory }: Pick<GuestHandle, 'directory'>): Promise<void> {
    const places = [...this.#servers.keys(), ...this.#goneSince.keys()];
    for (const place of new Set(places)) {
      if (place.startsWith(`${directory}/`)) await this.#end(place);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const place of [...this.#servers.keys()]) await this.#end(place);
  }

  async #end(place: string): Promise<void> {
    this.#goneSince.delete(place);
    const server = this.#servers.get(place);
    this.#servers.delete(place);
    await server?.[Symbol.asyncDispose]();
  }
}

/** In the part of the guest's folder that is not its user's. */
function placeOf(directory: string, serial: VolumeId): string {
  return join(directory, `${serial}.lost`);
}

function answeringDisk({ directory }: GuestHandle, serial: VolumeId) {
  const socketPath = placeOf(directory, serial);
  return { serial, source: { kind: 'nbd-unix', socketPath, exportName: serial } as const };
}
