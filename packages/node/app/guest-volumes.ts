// Owns what a node and the unit inside a guest say to each other about volumes that the guest drives itself: the list
// that the guest reads, and its word that it has taken a volume or let go of one.
//
// A guest's word is about what is asked of it now and is not kept: after a restart of the daemon the list says that
// nothing was heard, and the guest says it again.

import { createHash } from 'node:crypto';
import type { InstanceId, VolumeId } from '@ironbark/core/ids.ts';
import { STORAGE_MTU } from '@ironbark/core/io-profile.ts';
import type { Clock } from '@ironbark/platform/clock.ts';
import { GUEST_NBD_PORT } from '@ironbark/protocol/internal/guest-targets.ts';
import type { InstanceIntent } from '@ironbark/protocol/internal/instance-messages.ts';
import type { GuestVolumeRecord, RecordStore } from '../store/records.ts';

export type GuestWord = 'attached' | 'released';

export interface GuestVolumesOptions {
  records: RecordStore;
  clock: Clock;
  /** Simulated guests have no unit; they do at once what is asked of them. */
  doAtOnce: boolean;
}

/** A daemon's socket is away for a moment while it is started again; for good when nobody may open the volume. */
const GONE_MS = 3_000;

export class GuestVolumes {
  readonly #options: GuestVolumesOptions;
  readonly #words = new Map<string, GuestWord>();
  readonly #goneSince = new Map<string, number>();
  readonly #waiting = new Set<() => void>();

  constructor(options: GuestVolumesOptions) {
    this.#options = options;
  }

  /** One line a volume, after one by which the guest asks for what is newer. */
  render(intent: InstanceIntent): { tag: string; text: string } {
    const { guestVolumes = {} } = this.#options.records.find(intent.id) ?? {};
    const lines = Object.entries(guestVolumes).map(([id, volume]) =>
      this.#renderVolume(intent, id as VolumeId, volume),
    );
    const tag = createHash('sha256').update(lines.join('')).digest('hex').slice(0, 16);
    return { tag, text: [`list ${tag}\n`, ...lines].join('') };
  }

  #renderVolume(intent: InstanceIntent, id: VolumeId, volume: GuestVolumeRecord): string {
    const words = {
      id,
      serial: id.replace('-', ''),
      device: volume.deviceName,
      ...renderWay(volume),
      bytes: volume.sizeBytes,
      state: this.#isWanted(intent, id) ? 'attached' : 'detaching',
      heard: this.#words.get(keyOf(intent.id, id)) ?? 'nothing',
    };
    const text = Object.entries(words).map(([name, value]) => `${name}=${value}`);
    // Units in older images know `volume` alone, and only what is reached over AoE.
    const kind = volume.nbd === undefined ? 'volume' : 'nbd-volume';
    return `${kind} ${text.join(' ')}\n`;
  }

  #isWanted({ power, volumes }: InstanceIntent, id: VolumeId): boolean {
    return power !== 'terminated' && volumes.some(({ volumeId }) => volumeId === id);
  }

  /** False for a word that answers nothing which is asked. */
  hear(intent: InstanceIntent, id: VolumeId, word: GuestWord): boolean {
    const { guestVolumes = {} } = this.#options.records.find(intent.id) ?? {};
    if (guestVolumes[id] === undefined) return false;
    if (word === 'released' && this.#isWanted(intent, id)) return false;
    this.#words.set(keyOf(intent.id, id), word);
    this.changed();
    return true;
  }

  /** Asks the guest to let go; true when it has. */
  ask(instanceId: InstanceId, id: VolumeId): boolean {
    const key = keyOf(instanceId, id);
    if (this.#options.doAtOnce) this.#words.set(key, 'released');
    this.changed();
    return this.#words.get(key) === 'released';
  }

  hasReleased(instanceId: InstanceId, id: VolumeId): boolean {
    return this.#words.get(keyOf(instanceId, id)) === 'released';
  }

  /** True once what serves the volume has been away for longer than a start takes. */
  isGoneForGood(instanceId: InstanceId, id: VolumeId, isGone: boolean): boolean {
    const key = keyOf(instanceId, id);
    if (!isGone) {
      this.#goneSince.delete(key);
      return false;
    }
    const nowMs = this.#options.clock.monotonicMs();
    const sinceMs = this.#goneSince.get(key) ?? nowMs;
    this.#goneSince.set(key, sinceMs);
    return nowMs - sinceMs >= GONE_MS;
  }

  forget(instanceId: InstanceId, id: VolumeId): void {
    this.#words.delete(keyOf(instanceId, id));
    this.#goneSince.delete(keyOf(instanceId, id));
    this.changed();
  }

  /** Whoever waits for a newer list looks again. */
  changed(): void {
    for (const wake of [...this.#waiting]) wake();
  }

  /** Resolves at the next change, or when the signal says so. */
  async untilChange(signal: AbortSignal): Promise<void> {
    if (signal.aborted) return;
    await new Promise<void>((resolve) => {
      const end = () => {
        this.#waiting.delete(end);
        signal.removeEventListener('abort', end);
        resolve();
      };
      this.#waiting.add(end);
      signal.addEventListener('abort', end);
    });
  }
}

/** What it takes to reach it. */
function renderWay({ shelf, slot, nbd }: GuestVolumeRecord): Record<string, string | number> {
  if (nbd === undefined) {
    return { transport: 'aoe', address: `e${shelf}.${slot}`, mtu: STORAGE_MTU };
  }
  const { hostAddress: server, key } = nbd;
  return { transport: 'nbd', server, port: GUEST_NBD_PORT, key };
}

function keyOf(instanceId: InstanceId, id: VolumeId): string {
  return `${instanceId} ${id}`;
}
