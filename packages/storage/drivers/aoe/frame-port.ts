// Owns one packet socket: frames come into free slots many at a time, and replies leave together.

import { MessageBatch } from '@ironbark/platform/message-batch.ts';
import { DATA_OFFSET } from '@ironbark/protocol/aoe/ata.ts';
import { MIN_FRAME_BYTES } from '@ironbark/protocol/aoe/frame.ts';
import { FRAME_BYTES, type FrameSlots } from './frame-slots.ts';

/** One call’s worth. What it moves stays in the processor’s cache from one step to the next: 64 frames do not. */
export const BATCH = 16;

/** Where a frame was received and no slot was left for the next. */
const NO_SLOT = -1;

export interface PortFacts {
  fd: number;
  mac: number;
  mtuBytes: number;
  /** Of the host; absent where nobody asks for it. */
  interfaceIndex?: number;
}

export class FramePort {
  readonly facts: PortFacts;
  /** Replies that the interface did not take; their initiators ask again. */
  unsent = 0;
  sent = 0;
  readonly #slots: FrameSlots;
  readonly #incoming = new MessageBatch(BATCH);
  readonly #outgoing = new MessageBatch(BATCH);
  /** Slots that wait to be received into, and those whose reply waits to be sent. */
  readonly #waiting: number[] = [];
  readonly #replies: number[] = [];

  constructor(facts: PortFacts, slots: FrameSlots) {
    this.facts = facts;
    this.#slots = slots;
  }

  /** Hands over each frame that waits, up to one call's worth; answers how many there were. */
  receive(take: (slot: number, length: number) => void): number {
    while (this.#waiting.length < BATCH && this.#slots.free > 0) this.#prepare(this.#slots.take()!);
    const count = this.#incoming.receive(this.facts.fd, this.#waiting.length);
    for (let index = 0; index < count; index += 1) {
      const slot = this.#waiting[index]!;
      // In the same place, so that what waits on behind it stays where it is.
      if (this.#slots.free > 0) this.#place(index, this.#slots.take()!);
      else this.#waiting[index] = NO_SLOT;
      take(slot, Math.min(this.#incoming.lengthOf(index), FRAME_BYTES));
    }
    if (this.#waiting.includes(NO_SLOT)) this.#closeGaps();
    return count;
  }

  /** True while there is memory to receive into. */
  get canReceive(): boolean {
    return this.#waiting.length > 0 || this.#slots.free > 0;
  }

  #prepare(slot: number): void {
    this.#place(this.#waiting.length, slot);
  }

  #closeGaps(): void {
    const left = this.#waiting.splice(0).filter((slot) => slot !== NO_SLOT);
    for (const slot of left) this.#prepare(slot);
  }

  #place(index: number, slot: number): void {
    this.#waiting[index] = slot;
    this.#incoming.set(index, this.#slots.address(slot), FRAME_BYTES);
  }

  /** As `queue`, with data from elsewhere behind the headers: it has to stay there until the next flush. */
  queueWithData(slot: number, dataAddress: number, length: number): void {
    const index = this.#replies.length;
    this.#outgoing.set(index, this.#slots.address(slot), DATA_OFFSET);
    this.#outgoing.append(index, dataAddress, length);
    this.#replies.push(slot);
    if (this.#replies.length === BATCH) this.flush();
  }

  /** The slot is free again once the reply has left. */
  queue(slot: number, length: number): void {
    let size = length;
    if (size < MIN_FRAME_BYTES) {
      // What lay there before is nobody's business.
      this.#slots.room(slot).fill(0, size, MIN_FRAME_BYTES);
      size = MIN_FRAME_BYTES;
    }
    this.#outgoing.set(this.#replies.length, this.#slots.address(slot), size);
    this.#replies.push(slot);
    if (this.#replies.length === BATCH) this.flush();
  }

  flush(): void {
    const count = this.#replies.length;
    let done = 0;
    while (done < count) {
      const sent = this.#outgoing.send(this.facts.fd, done, count);
      this.sent += sent;
      // A reply that is not taken is passed over: it must not hold up the others.
      if (sent === 0) this.unsent += 1;
      done += Math.max(sent, 1);
    }
    for (const slot of this.#replies.splice(0)) this.#slots.give(slot);
  }
}
