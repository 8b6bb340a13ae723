// Owns how a frame leaves: turned round in the slot in which it came, with the address of the disk that answers.

import { type AtaFault, DATA_OFFSET, renderAtaEnd } from '@ironbark/protocol/aoe/ata.ts';
import { type ConfigFacts, renderConfig } from '@ironbark/protocol/aoe/config-string.ts';
import {
  COMMAND,
  type MacNumber,
  renderHeader,
  turnIntoReply,
  VERSION,
} from '@ironbark/protocol/aoe/frame.ts';
import type { DiskAddress } from './export-settings.ts';
import type { FramePort } from './frame-port.ts';
import type { FrameSlots } from './frame-slots.ts';

export class FrameReplies {
  readonly #port: FramePort;
  readonly #slots: FrameSlots;

  constructor(port: FramePort, slots: FrameSlots) {
    this.#port = port;
    this.#slots = slots;
  }

  /** The whole slot, for a reply that is longer than its request. */
  room(slot: number): Buffer {
    return this.#slots.room(slot);
  }

  answer(from: DiskAddress, slot: number, length: number, error = 0): void {
    this.#turn(from, slot, error);
    this.#port.queue(slot, length);
  }

  #turn(from: DiskAddress, slot: number, error: number): void {
    const responder = { mac: this.#port.facts.mac, shelf: from.shelf, slot: from.slot };
    turnIntoReply(this.room(slot), responder, error);
  }

  /** `length` bytes of data lie behind the headers already. */
  answerAta(
    from: DiskAddress,
    slot: number,
    end: { length: number; fault: AtaFault | undefined },
  ): void {
    renderAtaEnd(this.room(slot), end.fault);
    this.answer(from, slot, DATA_OFFSET + end.length);
  }

  /** The end of a read whose data is elsewhere in memory, and stays there until the next flush. */
  answerFrom(from: DiskAddress, slot: number, data: { address: number; length: number }): void {
    renderAtaEnd(this.room(slot));
    this.#turn(from, slot, 0);
    this.#port.queueWithData(slot, data.address, data.length);
  }

  /** The request comes back as it was but for its header, without its data. */
  answerError(from: DiskAddress, slot: number, error: number): void {
    this.answer(from, slot, DATA_OFFSET, error);
  }

  give(slot: number): void {
    this.#slots.give(slot);
  }

  /** Tells somebody unasked that a disk is there. */
  announce(from: DiskAddress, to: MacNumber, facts: ConfigFacts, text: Buffer): void {
    const slot = this.#slots.take();
    if (slot === undefined) return;
    const frame = this.room(slot);
    const { mac } = this.#port.facts;
    const addresses = { destination: to, source: mac, shelf: from.shelf, slot: from.slot };
    const rest = { version: VERSION, isResponse: true, error: 0, command: COMMAND.config, tag: 0 };
    frame.fill(0, 0, DATA_OFFSET);
    renderHeader(frame, { ...addresses, ...rest });
    this.#port.queue(slot, renderConfig(frame, facts, text));
  }

  /** Sends what has gathered. */
  flush(): void {
    this.#port.flush();
  }
}
