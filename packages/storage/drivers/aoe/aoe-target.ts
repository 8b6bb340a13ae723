// Owns the target: it takes frames many at a time and finds the disk that each is for. What is malformed, not for us
// or not admitted is counted and not answered (AoEr11, section 2).

import { systemClock } from '@ironbark/platform/clock.ts';
import { watchReadable } from '@ironbark/platform/message-batch.ts';
import { sectorsPerFrame } from '@ironbark/protocol/aoe/ata.ts';
import { isQuestion } from '@ironbark/protocol/aoe/config-string.ts';
import {
  ANY_SHELF,
  ANY_SLOT,
  type AoeHeader,
  BROADCAST_MAC,
  COMMAND,
  isGroupAddress,
  parseHeader,
} from '@ironbark/protocol/aoe/frame.ts';
import type { AoeExport } from './aoe-export.ts';
import { type TargetCounters, zeroTargetCounters } from './counters.ts';
import { addressOf } from './export-settings.ts';
import { BATCH, FramePort, type PortFacts } from './frame-port.ts';
import { FrameReplies } from './frame-replies.ts';
import { FrameSlots } from './frame-slots.ts';
import { PollWindow } from './poll-window.ts';
import { type Asked, ServedDisk } from './served-disk.ts';

/** Frames that are held at a time, for all disks: 20 MiB once they have all been used. */
const SLOTS = 2_048;
/** Batches that are worked on before timers and the control socket have their turn. */
const ROUNDS = 16;

export class AoeTarget {
  readonly #counters = zeroTargetCounters();
  readonly #slots = new FrameSlots(SLOTS);
  readonly #port: FramePort;
  readonly #replies: FrameReplies;
  readonly #maxSectors: number;
  readonly #served = new Map<number, ServedDisk>();
  /** Disks that were taken from their users, who may still ask. */
  readonly #revoked = new Map<number, ServedDisk>();
  readonly #touched = new Set<ServedDisk>();
  readonly #window = new PollWindow();
  readonly #takeFrame = (slot: number, length: number) => this.#take(slot, length);
  /** When the frames of this batch came. */
  #cameAtMs: number | undefined;
  #isClosed = false;
  #watch: { close(): void } | undefined;

  constructor(facts: PortFacts) {
    this.#port = new FramePort(facts, this.#slots);
    this.#replies = new FrameReplies(this.#port, this.#slots);
    this.#maxSectors = sectorsPerFrame(facts.mtuBytes);
    this.#resume();
  }

  get counters(): TargetCounters {
    return { ...this.#counters, sent: this.#port.sent, unsent: this.#port.unsent };
  }

  get revokedCount(): number {
    return this.#revoked.size;
  }

  list(): readonly ServedDisk[] {
    return [...this.#served.values()];
  }

  find(address: number): AoeExport | undefined {
    return this.#served.get(address)?.disk;
  }

  add(disk: AoeExport): void {
    const served = new ServedDisk({
      disk,
      slots: this.#slots,
      replies: this.#replies,
      maxSectors: this.#maxSectors,
      settled: () => this.#settle(),
    });
    this.#revoked.delete(addressOf(disk.settings));
    this.#served.set(addressOf(disk.settings), served);
    served.announce();
    this.#port.flush();
  }

  /** From now on nobody is answered; resolves when nothing that was asked before is under way. */
  async remove(address: number): Promise<void> {
    const served = this.#served.get(address);
    if (served === undefined) return;
    this.#served.delete(address);
    served.disk.source.cutOff();
    await served.queue.idle();
    await served.disk.close();
  }

  /** As `remove`; until `forget` its users are told that every command of theirs fails. */
  async revoke(address: number): Promise<void> {
    const served = this.#served.get(address);
    if (served !== undefined) this.#revoked.set(address, served);
    await this.remove(address);
  }

  forget(address: number): void {
    this.#revoked.delete(address);
  }

  /** Takes no frame any more, and tells nobody of a failure. */
  close(): void {
    this.#isClosed = true;
    for (const served of this.#served.values()) served.isEnding = true;
    this.#pause();
  }

  #pause(): void {
    this.#watch?.close();
    this.#watch = undefined;
  }

  #resume(): void {
    if (!this.#isClosed) this.#watch ??= watchReadable(this.#port.facts.fd, () => this.#receive());
  }

  #receive(): void {
    this.#window.wakes(systemClock.monotonicMs());
    let asks = 1 + this.#window.asks;
    for (let rounds = 0; asks > 0 && rounds < ROUNDS; asks -= 1) {
      const count = this.#receiveBatch();
      if (count === 0) continue;
      rounds += 1;
      asks = 1 + Math.max(count === BATCH ? 1 : 0, this.#isAnyPending() ? 0 : this.#window.asks);
    }
    const nowMs = systemClock.monotonicMs();
    if (this.#window.asks > 0) this.#window.wasDisplaced(countDisplaced(), nowMs);
    this.#window.sleeps(nowMs);
    // All memory is held for slow disks: the socket's own buffer fills, then frames are lost, as AoE expects.
    if (!this.#port.canReceive) this.#pause();
  }

  /** Of those the end is told of by the event loop, which must not be held up. */
  #isAnyPending(): boolean {
    for (const { queue } of this.#served.values()) if (queue.pending > 0) return true;
    return false;
  }

  #receiveBatch(): number {
    this.#cameAtMs = undefined;
    const count = this.#port.receive(this.#takeFrame);
    if (count === 0) return 0;
    for (const served of this.#touched) served.queue.run();
    this.#touched.clear();
    this.#port.flush();
    return count;
  }

  #settle(): void {
    this.#port.flush();
    this.#resume();
  }

  #take(slot: number, length: number): void {
    this.#counters.frames += 1;
    const frame = this.#slots.frame(slot, length);
    this.#cameAtMs ??= systemClock.monotonicMs();
    const cameAtMs = this.#cameAtMs;
    const header = parseHeader(frame);
    if (header === undefined || isGroupAddress(header.source)) this.#drop(slot, 'malformed');
    else if (header.isResponse) this.#drop(slot, 'responses');
    else if (!this.#isForUs(header)) this.#drop(slot, 'elsewhere');
    else if (header.shelf === ANY_SHELF || header.slot === ANY_SLOT) {
      this.#takeForMany({ slot, frame, header, cameAtMs });
    } else this.#takeForOne({ slot, frame, header, cameAtMs });
  }

  #isForUs({ destination }: AoeHeader): boolean {
    return destination === this.#port.facts.mac || destination === BROADCAST_MAC;
  }

  #takeForOne(asked: Asked): void {
    const address = addressOf(asked.header);
    const served = this.#served.get(address);
    const revoked = this.#revoked.get(address);
    if (served === undefined && revoked?.disk.admits(asked.header.source) === true) {
      revoked.refuse(asked);
    } else if (served === undefined) this.#drop(asked.slot, 'unknownAddress');
    else if (!served.disk.admits(asked.header.source)) this.#drop(asked.slot, 'refused');
    else {
      this.#touched.add(served);
      served.ask(asked);
    }
  }

  /** Only the question who is there is for many: each disk answers it in a frame of its own. */
  #takeForMany({ slot, frame, header, cameAtMs }: Asked): void {
    const isAnswered = header.command === COMMAND.config && isQuestion(frame);
    for (const served of isAnswered ? this.#served.values() : []) {
      const { shelf, slot: place } = served.disk.settings;
      const isMeant =
        (header.shelf === ANY_SHELF || header.shelf === shelf) &&
        (header.slot === ANY_SLOT || header.slot === place);
      const own = isMeant && served.disk.admits(header.source) ? this.#slots.take() : undefined;
      if (own === undefined) continue;
      const copy = this.#slots.frame(own, frame.length);
      frame.copy(copy);
      served.ask({ slot: own, frame: copy, header, cameAtMs });
    }
    this.#slots.give(slot);
  }

  #drop(slot: number, reason: Exclude<keyof TargetCounters, 'sent' | 'unsent'>): void {
    this.#counters[reason] += 1;
    this.#slots.give(slot);
  }
}

/** How often the scheduler has given this process's processor to another one. */
function countDisplaced(): number {
  return process.resourceUsage().involuntaryContextSwitches;
}
