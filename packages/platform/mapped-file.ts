// Owns a file's bytes as memory that the kernel itself reads from, so that they are sent without being read first.
// Nothing here looks at the memory: where a page cannot be had, a call that is given it fails, and no signal comes.

import { openLibC } from './libc.ts';

// From asm-generic/mman-common.h and linux/mman.h.
const PROT_READ = 1;
const MAP_SHARED = 1;
const PAGE_BYTES = 4_096;

/** What may be mapped at a time: with it grow the tables of pages (8 bytes for each) and what this process seems to use. */
const BUDGET_BYTES = 8 * 1024 ** 3;
let mappedBytes = 0;

interface Calls {
  mmap: (
    at: number,
    size: number,
    access: number,
    flags: number,
    fd: number,
    from: number,
  ) => number;
  munmap: (at: number, size: number) => number;
  mincore: (at: number, size: number, present: Buffer) => number;
}

let loaded: Calls | undefined;

export class MappedFile {
  readonly #address: number;
  readonly #sizeBytes: number;
  /** One byte for each page that is asked about. */
  readonly #present: Buffer;
  #isOpen = true;

  private constructor(address: number, sizeBytes: number, mostBytes: number) {
    this.#address = address;
    this.#sizeBytes = sizeBytes;
    this.#present = Buffer.alloc(Math.ceil(mostBytes / PAGE_BYTES) + 1);
  }

  /**
   * Undefined where it is not to be had, or too much is mapped already. The file has to be this user's own, or
   * mincore(2) says of every page that it is there. `mostBytes`: of one question.
   */
  static open(fd: number, sizeBytes: number, mostBytes: number): MappedFile | undefined {
    if (sizeBytes === 0 || mappedBytes + sizeBytes > BUDGET_BYTES) return undefined;
    loaded ??= load();
    const address = loaded.mmap(0, sizeBytes, PROT_READ, MAP_SHARED, fd, 0);
    // MAP_FAILED is the largest address; the kernel gives user space at most 2^47.
    if (address <= 0 || address >= 2 ** 47) return undefined;
    mappedBytes += sizeBytes;
    return new MappedFile(address, sizeBytes, mostBytes);
  }

  /** The address of bytes that are in memory now; 0 where any of them is not, or is not mapped. */
  addressAtHand(offset: number, lengthBytes: number): number {
    if (!this.#isOpen || offset + lengthBytes > this.#sizeBytes) return 0;
    const skip = offset % PAGE_BYTES;
    const pages = Math.ceil((skip + lengthBytes) / PAGE_BYTES);
    const first = this.#address + offset - skip;
    if (loaded!.mincore(first, pages * PAGE_BYTES, this.#present) < 0) return 0;
    for (let page = 0; page < pages; page += 1) if ((this.#present[page]! & 1) === 0) return 0;
    return first + skip;
  }

  close(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    mappedBytes -= this.#sizeBytes;
    loaded!.munmap(this.#address, this.#sizeBytes);
  }
}

function load(): Calls {
  const { library } = openLibC();
  const mmap =
    'uintptr_t mmap(uintptr_t at, size_t size, int access, int flags, int fd, int64_t from)';
  return {
    mmap: library.func(mmap) as unknown as Calls['mmap'],
    munmap: library.func('int munmap(uintptr_t at, size_t size)') as unknown as Calls['munmap'],
    mincore: library.func(
      'int mincore(uintptr_t at, size_t size, void *present)',
    ) as unknown as Calls['mincore'],
  };
}
