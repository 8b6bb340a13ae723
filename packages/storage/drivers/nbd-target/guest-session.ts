// Owns one connection of a guest to a disk: its requests, on their way to the volume's storage daemon.

import type { Clock } from '@ironbark/platform/clock.ts';
import type { NbdClient } from '@ironbark/platform/nbd/client.ts';
import type { WritableDisk } from '@ironbark/platform/nbd/server.ts';
import type { DiskWork } from '@ironbark/protocol/internal/guest-targets.ts';

const SECTOR_BYTES = 512;
const NS_PER_MS = 1e6;

export interface SessionParts {
  client: NbdClient;
  clock: Clock;
  counters: DiskWork['counters'];
  /** Resolves when no other connection of the disk has anything under way. */
  takeOver: () => Promise<void>;
}

export class GuestSession implements WritableDisk {
  readonly blockBytes = SECTOR_BYTES;
  readonly #parts: SessionParts;
  readonly #pending = new Set<Promise<void>>();
  #isFirst: Promise<void> | undefined;
  #isOver = false;

  constructor(parts: SessionParts) {
    this.#parts = parts;
  }

  get sizeBytes(): number {
    return this.#parts.client.sizeBytes;
  }

  /** Nothing more is done for it; resolves when nothing is under way. */
  async end(): Promise<void> {
    this.#isOver = true;
    await this.idle();
  }

  /** What is under way now has ended. */
  async idle(): Promise<void> {
    await Promise.allSettled(this.#pending);
  }

  async read(offset: number, length: number): Promise<Buffer> {
    const bytes = Buffer.allocUnsafe(length);
    const tookNs = await this.#do((client) => client.read(offset, [bytes]));
    const { counters } = this.#parts;
    counters.readOps += 1;
    counters.readBytes += length;
    counters.readNs += tookNs;
    return bytes;
  }

  async write(offset: number, bytes: Buffer): Promise<void> {
    const tookNs = await this.#do((client) => client.write(offset, [bytes]));
    this.#countWrite(bytes.length, tookNs);
  }

  async zero(offset: number, length: number): Promise<void> {
    const tookNs = await this.#do((client) => client.zero(offset, length));
    this.#countWrite(length, tookNs);
  }

  async trim(offset: number, length: number): Promise<void> {
    await this.#do((client) => client.trim(offset, length));
  }

  async flush(): Promise<void> {
    const { counters } = this.#parts;
    const tookNs = await this.#do((client) => client.flush());
    counters.flushOps += 1;
    counters.flushNs += tookNs;
  }

  #countWrite(length: number, tookNs: number): void {
    const { counters } = this.#parts;
    counters.writeOps += 1;
    counters.writeBytes += length;
    counters.writeNs += tookNs;
  }

  /** Gives the time that it took, in nanoseconds. */
  async #do(work: (client: NbdClient) => Promise<void>): Promise<number> {
    const { client, clock, takeOver } = this.#parts;
    const startedMs = clock.monotonicMs();
    // What an earlier connection still had to write would otherwise undo what this one writes after it.
    this.#isFirst ??= takeOver();
    await this.#isFirst;
    // What has come may be taken out of its buffer after the connection has ended.
    if (this.#isOver) throw new Error('the connection has ended');
    const asked = work(client);
    this.#pending.add(asked);
    try {
      await asked;
    } catch (error) {
      if (!this.#isOver) this.#parts.counters.failedOps += 1;
      throw error;
    } finally {
      this.#pending.delete(asked);
    }
    return (clock.monotonicMs() - startedMs) * NS_PER_MS;
  }
}
