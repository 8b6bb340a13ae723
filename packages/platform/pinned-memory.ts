// Owns memory with an address that never changes, for the kernel to read and write while JavaScript looks on, and the
// lists of pieces of it (struct iovec) that calls with many buffers take.

import { openLibC } from './libc.ts';

/** Memory from the kernel, zeroed and aligned to a page. It is kept until the process ends. */
export interface PinnedMemory {
  address: number;
  bytes: Buffer<ArrayBuffer>;
}

// From asm-generic/mman-common.h and linux/mman.h.
const PROT_READ_WRITE = 1 | 2;
const MAP_PRIVATE_ANONYMOUS = 0x2 | 0x20;

type Mmap = (
  at: number,
  length: number,
  access: number,
  flags: number,
  fd: number,
  offset: number,
) => number;
let loaded: { mmap: Mmap; view: (address: bigint, length: number) => ArrayBuffer } | undefined;

export function allocatePinned(lengthBytes: number): PinnedMemory {
  loaded ??= load();
  const address = loaded.mmap(0, lengthBytes, PROT_READ_WRITE, MAP_PRIVATE_ANONYMOUS, -1, 0);
  // MAP_FAILED is the largest address; the kernel gives user space at most 2^47.
  if (address <= 0 || address >= 2 ** 47)
    throw new Error(`mmap: no ${lengthBytes} bytes of memory`);
  return { address, bytes: Buffer.from(loaded.view(BigInt(address), lengthBytes)) };
}

function load(): NonNullable<typeof loaded> {
  const { koffi, library } = openLibC();
  const mmap = library.func(
    'uintptr_t mmap(uintptr_t at, size_t length, int access, int flags, int fd, int64_t offset)',
  );
  return { mmap: mmap as unknown as Mmap, view: (address, length) => koffi.view(address, length) };
}

export const IOVEC_BYTES = 16;

/** A list of pieces of memory in the kernel's form. */
export class PieceList {
  readonly address: number;
  readonly capacity: number;
  readonly #words: Uint32Array;

  constructor({ address, bytes }: PinnedMemory) {
    this.address = address;
    this.capacity = Math.floor(bytes.length / IOVEC_BYTES);
    this.#words = new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4);
  }

  set(index: number, address: number, lengthBytes: number): void {
    const at = index * (IOVEC_BYTES / 4);
    const high = Math.floor(address / 2 ** 32);
    this.#words[at] = address - high * 2 ** 32;
    this.#words[at + 1] = high;
    this.#words[at + 2] = lengthBytes;
  }

  lengthOf(index: number): number {
    return this.#words[index * (IOVEC_BYTES / 4) + 2]!;
  }

  /** Takes bytes that are done off the front of `count` pieces from `first` on; answers the first that is left. */
  advance(first: number, count: number, doneBytes: number): number {
    let index = first;
    let left = doneBytes;
    while (index < count && left >= this.lengthOf(index)) {
      left -= this.lengthOf(index);
      index += 1;
    }
    if (index === count || left === 0) return index;
    const at = index * (IOVEC_BYTES / 4);
    const address = this.#words[at]! + this.#words[at + 1]! * 2 ** 32;
    this.set(index, address + left, this.lengthOf(index) - left);
    return index;
  }
}
