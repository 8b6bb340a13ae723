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
import type { DiskCommand } from './sector-runs.ts';

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
  cameAtMs: number;
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
    const done = (commands: readonly DiskCommand[], fault?: AtaFault) => this.#end(commands, fault);
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
    if (isAta) this.#endAta(slot, 0, 'aborted');
    else this.#error(slot, ERROR.unavailable);
  }

  #askAta(asked: Asked): void {
    const { slot, frame, header } = asked;
    const request = parseAta(frame);
    if (request === undefined) this.#error(slot, ERROR.badArgument);
    else if (!this.disk.mayCommand(header.source)) {
      this.counters.reserved += 1;
      this.#error(slot, ERROR.reserved);
    } else {
      const { sectors, settings } = this.disk;
      const facts = { sectors, isReadOnly: settings.isReadOnly, maxSectors: this.#maxSectors };
      this.#perform(asked, planAta(request, facts));
    }
  }

  #perform({ slot, cameAtMs }: Asked, plan: AtaPlan): void {
    if (plan.kind === 'read' || plan.kind === 'write') {
      const { kind, offset, length } = plan;
      this.#enqueue({ kind, slot, offset, length, cameAtMs, dataAddress: 0 });
    } else if (plan.kind === 'flush') {
      this.#enqueue({ kind: 'flush', slot, offset: 0, length: 0, cameAtMs, dataAddress: 0 });
    } else if (plan.kind === 'identify') this.#identify(slot);
    else if (plan.kind === 'write-cache') this.#setWriteCache(slot, plan.isOn);
    else if (plan.kind === 'power-mode') this.#powerMode(slot);
    else if (plan.kind === 'done') this.#endAta(slot, 0);
    else if (plan.kind === 'fault') this.#endAta(slot, 0, plan.fault);
    else this.#error(slot, ERROR.badArgument);
  }

  #powerMode(slot: number): void {
    renderPowerMode(this.#replies.room(slot));
    this.#replies.answer(this.disk.settings, slot, DATA_OFFSET);
  }

  #enqueue(command: DiskCommand): void {
    if (this.queue.pending < MAX_PENDING) this.queue.add(command);
    else {
      this.counters.overruns += 1;
      this.#replies.give(command.slot);
    }
  }

  #count({ kind, length, cameAtMs }: DiskCommand, nowMs: number): void {
    const { counters } = this;
    const tookNs = (nowMs - cameAtMs) * NS_PER_MS;
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

  #end(commands: readonly DiskCommand[], fault?: AtaFault): void {
    const nowMs = systemClock.monotonicMs();
    for (const command of commands) {
      const { kind, slot, length, dataAddress } = command;
      // The next target will be asked again, and may do it.
      if (fault !== undefined && this.isEnding) this.#replies.give(slot);
      else if (fault !== undefined) this.#endAta(slot, 0, fault);
      else {
        this.#count(command, nowMs);
        if (dataAddress === 0) this.#endAta(slot, kind === 'read' ? length : 0);
        else this.#replies.answerFrom(this.disk.settings, slot, { address: dataAddress, length });
      }
    }
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
    this.#endAta(slot, SECTOR_BYTES);
  }

  #setWriteCache(slot: number, isOn: boolean): void {
    this.#change(slot, { isWriteCacheOn: isOn }, () => {
      this.queue.isWriteThrough = !isOn;
      this.#endAta(slot, 0);
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

  #endAta(slot: number, length: number, fault?: AtaFault): void {
    if (fault !== undefined) this.counters.faults += 1;
    this.#replies.answerAta(this.disk.settings, slot, { length, fault });
  }

  #error(slot: number, error: number): void {
    this.counters.errors += 1;
    this.#replies.answerError(this.disk.settings, slot, error);
  }

  #facts() {
    return { bufferCount: BUFFER_COUNT, firmware: FIRMWARE, maxSectors: this.#maxSectors };
  }
}
