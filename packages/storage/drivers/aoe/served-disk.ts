// Owns what each frame that is addressed to a disk leads to: AoE's four commands, and the end of each.

import { systemClock } from '@ironbark/platform/clock.ts';
import {
  type AtaFault,
  type AtaPlan,
  DATA_OFFSET,
  parseAta,
  planAta,
  renderPowerMode,
  SECTOR_BYTES,
} from '@ironbark/protocol/aoe/ata.ts';
import { planConfig, renderConfig } from '@ironbark/protocol/aoe/config-string.ts';
import {
  type AoeHeader,
  BROADCAST_MAC,
  COMMAND,
  ERROR,
  VERSION,
} from '@ironbark/protocol/aoe/frame.ts';
import { renderIdentity } from '@ironbark/protocol/aoe/identify.ts';
import {
  type MaskOutcome,
  planMasks,
  planReserve,
  renderMasks,
  renderReserve,
} from '@ironbark/protocol/aoe/mac-lists.ts';
import type { AoeExport } from './aoe-export.ts';
import { zeroCounters } from './counters.ts';
import { DiskQueue } from './disk-queue.ts';
import type { FrameReplies } from './frame-replies.ts';
import type { FrameSlots } from './frame-slots.ts';
import type { LeftBehind } from './left-behind.ts';
import type { CommandKind, DiskCommand } from './sector-runs.ts';

/** Commands that a disk says it takes at a time, which Linux never exceeds. */
export const BUFFER_COUNT = 64;
/** Commands of one disk that are held; what comes beyond is dropped and will be asked again. */
const MAX_PENDING = 4 * BUFFER_COUNT;
const NS_PER_MS = 1e6;
const FIRMWARE = 1;
const MODEL = 'Ironbark AoE volume';

export interface Asked {
  slot: number;
  frame: Buffer;
  header: AoeHeader;
}

export interface ServedDiskOptions {
  disk: AoeExport;
  slots: FrameSlots;
  replies: FrameReplies;
  /** Sectors that a frame of the interface holds. */
  maxSectors: number;
  /** Something has been answered outside of `ask` and `run`. */
  settled: () => void;
}

export class ServedDisk {
  readonly disk: AoeExport;
  readonly queue: DiskQueue;
  readonly counters = zeroCounters();
  readonly openedAtMs = systemClock.monotonicMs();
  /** When what is under way came, by the slot of its frame. */
  readonly #cameAtMs = new Map<number, number>();
  /** Its target is about to end: what cannot be done now is not answered. */
  isEnding = false;
  readonly #replies: FrameReplies;
  readonly #maxSectors: number;
  readonly #settled: () => void;

  constructor({ disk, slots, replies, maxSectors, settled }: ServedDiskOptions) {
    this.disk = disk;
    this.#replies = replies;
    this.#maxSectors = maxSectors;
    this.#settled = settled;
    const done = (command: DiskCommand, fault?: AtaFault) => this.#end(command, fault);
    this.queue = new DiskQueue({ io: disk.source.io(slots), done, settled });
    this.queue.isWriteThrough = !disk.isWriteCacheOn;
  }

  announce(): void {
    for (const mac of this.disk.settings.admits ?? [BROADCAST_MAC]) {
      this.#replies.announce(this.disk.settings, mac, this.#facts(), this.disk.left.config);
    }
  }

  /** The sender is admitted. */
  ask(asked: Asked): void {
    this.counters.frames += 1;
    const { version, command } = asked.header;
    if (version !== VERSION) this.#error(asked.slot, ERROR.unsupportedVersion);
    else if (command === COMMAND.ata) this.#askAta(asked);
    else if (command === COMMAND.config) this.#askConfig(asked);
    else if (command === COMMAND.masks) this.#askMasks(asked);
    else if (command === COMMAND.reserve) this.#askReserve(asked);
    else this.#error(asked.slot, ERROR.unknownCommand);
  }

  /** From a user whose right to it was taken away: every command fails, so that nothing there waits for ever. */
  refuse({ slot, frame, header }: Asked): void {
    const isAta = header.command === COMMAND.ata && parseAta(frame) !== undefined;
    if (isAta) this.#endAta(slot, { fault: 'aborted' });
    else this.#error(slot, ERROR.unavailable);
  }

  #askAta({ slot, frame, header }: Asked): void {
    const request = parseAta(frame);
    if (request === undefined) this.#error(slot, ERROR.badArgument);
    else if (!this.disk.mayCommand(header.source)) {
      this.counters.reserved += 1;
      this.#error(slot, ERROR.reserved);
    } else {
      const { sectors, settings } = this.disk;
      const facts = { sectors, isReadOnly: settings.isReadOnly, maxSectors: this.#maxSectors };
      this.#perform(slot, planAta(request, facts));
    }
  }

  #perform(slot: number, plan: AtaPlan): void {
    if (plan.kind === 'read' || plan.kind === 'write') {
      this.#enqueue(plan.kind, { slot, offset: plan.offset, length: plan.length });
    } else if (plan.kind === 'flush') this.#enqueue('flush', { slot, offset: 0, length: 0 });
    else if (plan.kind === 'identify') this.#identify(slot);
    else if (plan.kind === 'write-cache') this.#setWriteCache(slot, plan.isOn);
    else if (plan.kind === 'power-mode') this.#powerMode(slot);
    else if (plan.kind === 'done') this.#endAta(slot, {});
    else if (plan.kind === 'fault') this.#endAta(slot, { fault: plan.fault });
    else this.#error(slot, ERROR.badArgument);
  }

  #powerMode(slot: number): void {
    renderPowerMode(this.#replies.room(slot));
    this.#replies.answer(this.disk.settings, slot, DATA_OFFSET);
  }

  #enqueue(kind: CommandKind, place: Omit<DiskCommand, 'kind'>): void {
    const { counters, queue } = this;
    if (queue.pending >= MAX_PENDING) {
      counters.overruns += 1;
      this.#replies.give(place.slot);
      return;
    }
    this.#cameAtMs.set(place.slot, systemClock.monotonicMs());
    queue.add({ kind, slot: place.slot, offset: place.offset, length: place.length });
  }

  #count({ kind, slot, length }: DiskCommand, isDone: boolean): void {
    const { counters } = this;
    const tookNs = (systemClock.monotonicMs() - this.#cameAtMs.get(slot)!) * NS_PER_MS;
    this.#cameAtMs.delete(slot);
    if (!isDone) return;
    if (kind === 'read') {
      counters.reads += 1;
      counters.readBytes += length;
      counters.readNs += tookNs;
    } else if (kind === 'write') {
      counters.writes += 1;
      counters.writeBytes += length;
      counters.writeNs += tookNs;
    } else {
      counters.flushes += 1;
      counters.flushNs += tookNs;
    }
  }

  #end(command: DiskCommand, fault?: AtaFault): void {
    const { kind, slot, length } = command;
    this.#count(command, fault === undefined);
    // The next target will be asked again, and may do it.
    if (fault !== undefined && this.isEnding) this.#replies.give(slot);
    else if (fault !== undefined) this.#endAta(slot, { fault });
    else this.#endAta(slot, { length: kind === 'read' ? length : 0 });
  }

  #identify(slot: number): void {
    const { disk } = this;
    renderIdentity(this.#replies.room(slot).subarray(DATA_OFFSET), {
      sectors: disk.sectors,
      serial: disk.settings.serial,
      firmware: `${FIRMWARE}`,
      model: MODEL,
      isWriteCacheOn: disk.isWriteCacheOn,
    });
    this.#endAta(slot, { length: SECTOR_BYTES });
  }

  #setWriteCache(slot: number, isOn: boolean): void {
    this.#change(slot, { isWriteCacheOn: isOn }, () => {
      this.queue.isWriteThrough = !isOn;
      this.#endAta(slot, {});
    });
  }

  #askConfig({ slot, frame }: Asked): void {
    const outcome = planConfig(frame, this.disk.left.config);
    const answer = () => {
      const length = renderConfig(this.#replies.room(slot), this.#facts(), this.disk.left.config);
      this.#replies.answer(this.disk.settings, slot, length);
    };
    if (outcome.kind === 'silence') this.#replies.give(slot);
    else if (outcome.kind === 'error') this.#error(slot, outcome.error);
    else if (outcome.kind === 'reply') answer();
    else this.#change(slot, { config: outcome.text }, answer);
  }

  #askMasks({ slot, frame }: Asked): void {
    const outcome = planMasks(frame, this.disk.left.masks);
    const answer = (maskError = 0) => {
      const length = renderMasks(this.#replies.room(slot), this.disk.left.masks, maskError);
      this.#replies.answer(this.disk.settings, slot, length);
    };
    if (outcome.kind === 'refused') answer(outcome.maskError);
    else this.#settleList(slot, outcome, 'masks', answer);
  }

  #askReserve({ slot, frame, header }: Asked): void {
    const outcome = planReserve(frame, this.disk.left.reserved, header.source);
    this.#settleList(slot, outcome, 'reserved', () => {
      const length = renderReserve(this.#replies.room(slot), this.disk.left.reserved);
      this.#replies.answer(this.disk.settings, slot, length);
    });
  }

  #settleList(
    slot: number,
    outcome: Exclude<MaskOutcome, { kind: 'refused' }>,
    which: 'masks' | 'reserved',
    answer: () => void,
  ): void {
    if (outcome.kind === 'error') this.#error(slot, outcome.error);
    else if (outcome.kind === 'reply') answer();
    else this.#change(slot, { [which]: outcome.list }, answer);
  }

  /** Answers once the change is kept; when it cannot be, the device is unavailable and nothing has changed. */
  #change(slot: number, part: Partial<LeftBehind>, answer: () => void): void {
    this.disk.change(part).then(
      (isChanged) => {
        if (isChanged) answer();
        else this.#replies.give(slot);
        this.#settled();
      },
      () => {
        this.#error(slot, ERROR.unavailable);
        this.#settled();
      },
    );
  }

  #endAta(slot: number, end: { length?: number; fault?: AtaFault }): void {
    if (end.fault !== undefined) this.counters.faults += 1;
    this.#replies.answerAta(this.disk.settings, slot, end);
  }

  #error(slot: number, error: number): void {
    this.counters.errors += 1;
    this.#replies.answerError(this.disk.settings, slot, error);
  }

  #facts() {
    return { bufferCount: BUFFER_COUNT, firmware: FIRMWARE, maxSectors: this.#maxSectors };
  }
}
