// Owns the bytes of a disk with a volatile write cache: what was flushed lies in an image file, what was written
// since lies in memory, and a power cut decides by the seed which of it reaches the file.

import { closeSync, openSync, readSync, writevSync } from 'node:fs';

export const SECTOR_BYTES = 512;

/** `torn`: each unflushed sector survives or not. `drop-all`: none does. */
export type CutMode = 'torn' | 'drop-all';

export interface CutReport {
  /** Sectors that were written and not flushed. */
  unflushed: number;
  /** How many of them reached the disk all the same. */
  survived: number;
}

export interface VolatileDiskOptions {
  imagePath: string;
  sizeBytes: number;
  seed: number;
}

/** A disk may have put any older version of a sector on its platter; so many are kept to choose from. */
const MAX_VERSIONS = 4;
/** Some cuts lose nearly all of the cache, some nearly nothing. */
const SHARES_THAT_SURVIVE = [0.1, 0.5, 0.9] as const;
/**
 * The superblock of ext4 spans two sectors under one checksum, and is read before the journal that could mend it:
 * ext4 relies on its first block being written whole, so this disk does that.
 */
const SUPERBLOCK_SECTORS = 8;
/** The kernel takes so many pieces in one call. */
const MAX_RUN = 1024;

export class VolatileDisk implements Disposable {
  readonly sizeBytes: number;
  readonly #image: number;
  readonly #seed: number;
  /** Versions since the last flush, by sector, oldest first. */
  #unflushed = new Map<number, Buffer[]>();
  #cuts = 0;

  constructor(options: VolatileDiskOptions) {
    this.sizeBytes = options.sizeBytes;
    this.#seed = options.seed;
    this.#image = openSync(options.imagePath, 'r+');
  }

  read(offset: number, length: number): Buffer {
    const bytes = Buffer.alloc(length);
    readSync(this.#image, bytes, 0, length, offset);
    if (this.#unflushed.size === 0) return bytes;
    const first = offset / SECTOR_BYTES;
    for (let at = 0; at < length / SECTOR_BYTES; at++) {
      this.#unflushed
        .get(first + at)
        ?.at(-1)
        ?.copy(bytes, at * SECTOR_BYTES);
    }
    return bytes;
  }

  /** `bytes` belongs to the disk from now on. */
  write(offset: number, bytes: Buffer): void {
    const first = offset / SECTOR_BYTES;
    for (let at = 0; at < bytes.length / SECTOR_BYTES; at++) {
      const sector = bytes.subarray(at * SECTOR_BYTES, (at + 1) * SECTOR_BYTES);
      const versions = this.#unflushed.get(first + at);
      if (versions === undefined) this.#unflushed.set(first + at, [sector]);
      else versions.push(sector);
      if (versions !== undefined && versions.length > MAX_VERSIONS) versions.shift();
    }
  }

  zero(offset: number, length: number): void {
    this.write(offset, Buffer.alloc(length));
  }

  flush(): void {
    let first = 0;
    let run: Buffer[] = [];
    for (const [sector, versions] of this.#unflushed) {
      if (sector !== first + run.length || run.length === MAX_RUN) {
        if (run.length > 0) this.#store(first, run);
        first = sector;
        run = [];
      }
      run.push(versions.at(-1)!);
    }
    if (run.length > 0) this.#store(first, run);
    this.#unflushed.clear();
  }

  /** The power goes: the cache is gone, except for what had reached the disk by chance. */
  cut(mode: CutMode): CutReport {
    const report = { unflushed: this.#unflushed.size, survived: 0 };
    this.#cuts += 1;
    const share = SHARES_THAT_SURVIVE[this.#chance(-1) % SHARES_THAT_SURVIVE.length]!;
    for (const [sector, versions] of this.#unflushed) {
      const version = mode === 'torn' ? this.#surviving(sector, versions, share) : undefined;
      if (version === undefined) continue;
      this.#store(sector, [version]);
      report.survived += 1;
    }
    this.#unflushed.clear();
    return report;
  }

  [Symbol.dispose](): void {
    closeSync(this.#image);
  }

  /** The newest version more often than an older one, since most were written in one go. */
  #surviving(sector: number, versions: Buffer[], share: number): Buffer | undefined {
    const isSuperblock = sector < SUPERBLOCK_SECTORS;
    const chance = this.#chance(isSuperblock ? 0 : sector);
    if ((chance % 1000) / 1000 >= share) return undefined;
    const isOlder = !isSuperblock && (chance >>> 20) % 4 === 0;
    return isOlder ? versions[(chance >>> 24) % versions.length] : versions.at(-1);
  }

  /** The same for the same seed, cut and sector, in whatever order the sectors were written. */
  #chance(sector: number): number {
    let mixed = Math.imul(this.#seed ^ 0x9e3779b9, 0x85ebca6b) ^ Math.imul(this.#cuts, 0xc2b2ae35);
    mixed = Math.imul(mixed ^ (mixed >>> 15) ^ sector, 0x2c1b3c6d);
    mixed = Math.imul(mixed ^ (mixed >>> 12), 0x297a2d39);
    return (mixed ^ (mixed >>> 15)) >>> 0;
  }

  #store(sector: number, run: readonly Buffer[]): void {
    writevSync(this.#image, run, sector * SECTOR_BYTES);
  }
}
