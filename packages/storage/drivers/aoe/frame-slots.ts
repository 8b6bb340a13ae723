// Owns the memory in which frames are received, worked on and answered. A frame stays in one slot from its coming to
// its reply, so that its data is never copied by JavaScript.

import { allocatePinned, type PinnedMemory } from '@ironbark/platform/pinned-memory.ts';
import { DATA_OFFSET, MAX_SECTORS, SECTOR_BYTES } from '@ironbark/protocol/aoe/ata.ts';

/** The data of a command begins at a sector's boundary, as reading past the page cache asks for. */
const FRAME_AT = SECTOR_BYTES - DATA_OFFSET;
/** Room for a frame's headers, its data and what else an MTU of 9,000 lets through. */
const SLOT_BYTES = SECTOR_BYTES * (1 + MAX_SECTORS + 1);
export const FRAME_BYTES = SLOT_BYTES - FRAME_AT;

export class FrameSlots {
  readonly #memory: PinnedMemory;
  readonly #free: number[];
  readonly #rooms: readonly Buffer[];
  /** What was last looked at in each slot: the frame, and its data. */
  readonly #frames: Buffer[];
  readonly #datas: Buffer[];

  constructor(count: number) {
    this.#memory = allocatePinned(count * SLOT_BYTES);
    this.#rooms = Array.from({ length: count }, (_, slot) => {
      const at = slot * SLOT_BYTES + FRAME_AT;
      return this.#memory.bytes.subarray(at, at + FRAME_BYTES);
    });
    this.#frames = [...this.#rooms];
    this.#datas = this.#rooms.map((room) => room.subarray(DATA_OFFSET));
    this.#free = Array.from({ length: count }, (_, index) => count - 1 - index);
  }

  get free(): number {
    return this.#free.length;
  }

  take(): number | undefined {
    return this.#free.pop();
  }

  give(slot: number): void {
    this.#free.push(slot);
  }

  address(slot: number): number {
    return this.#memory.address + slot * SLOT_BYTES + FRAME_AT;
  }

  dataAddress(slot: number): number {
    return this.address(slot) + DATA_OFFSET;
  }

  /** All of the slot, for a reply that is longer than its request. */
  room(slot: number): Buffer {
    return this.#rooms[slot]!;
  }

  /** Requests of a kind are as long as each other, and making a Buffer is what costs most of a short one. */
  frame(slot: number, length: number): Buffer {
    const last = this.#frames[slot]!;
    if (last.length === length) return last;
    const frame = this.room(slot).subarray(0, length);
    this.#frames[slot] = frame;
    return frame;
  }

  /** The data of a read or a write. */
  data(slot: number, length: number): Buffer {
    const last = this.#datas[slot]!;
    if (last.length === length) return last;
    const data = this.room(slot).subarray(DATA_OFFSET, DATA_OFFSET + length);
    this.#datas[slot] = data;
    return data;
  }
}
