// Owns a disk of modelled speed over a file: its bytes are the file's, its time is the model's.

import { type FileHandle, open } from 'node:fs/promises';
import { setImmediate } from 'node:timers/promises';
import type { Clock } from '@ironbark/platform/clock.ts';
import { writeFully } from '@ironbark/platform/files.ts';
import type { WritableDisk } from '@ironbark/platform/nbd/server.ts';
import type { DiskModel } from '../testbeds.ts';
import { countRequest, type DiskCounters, noCounters } from './disk-figures.ts';
import { type DiskRequest, ServiceTimes } from './service-times.ts';

const SECTOR_BYTES = 512;
/** Node's timers are late by up to this; what is left is waited for in slices. */
const TIMER_LATENESS_MS = 2;
/** Short against 64 KiB of the paper's disk (600 us), long against the kernel's own slack (50 us). */
const SLICE_MS = 0.1;

const NEVER_WOKEN = new Int32Array(new SharedArrayBuffer(4));

export class ModelledDisk implements WritableDisk, AsyncDisposable {
  readonly sizeBytes: number;
  readonly blockBytes = SECTOR_BYTES;
  readonly #file: FileHandle;
  readonly #clock: Clock;
  readonly #times: ServiceTimes;
  #counters = noCounters();
  #last: Promise<void> = Promise.resolve();

  private constructor(file: FileHandle, options: ModelledDiskOptions) {
    this.#file = file;
    this.#clock = options.clock;
    this.#times = new ServiceTimes(options.model);
    this.sizeBytes = options.sizeBytes;
  }

  /** Makes the file, or takes the one that is there. */
  static async open(options: ModelledDiskOptions): Promise<ModelledDisk> {
    const file = await open(options.path, 'a+').then(async (made) => {
      await made.close();
      return open(options.path, 'r+');
    });
    await file.truncate(options.sizeBytes);
    return new ModelledDisk(file, options);
  }

  change(model: DiskModel): void {
    this.#times.change(model);
  }

  /** Counts from nothing. */
  begin(): void {
    this.#counters = noCounters();
  }

  get counters(): DiskCounters {
    return this.#counters;
  }

  async read(offset: number, length: number): Promise<Buffer> {
    const bytes = Buffer.allocUnsafe(length);
    // The file is read while the model's time passes.
    const reading = this.#file.read(bytes, 0, length, offset);
    await Promise.all([reading, this.#serve({ kind: 'read', offset, length })]);
    return bytes;
  }

  async write(offset: number, bytes: Buffer): Promise<void> {
    const writing = writeFully(this.#file, bytes, offset);
    await Promise.all([writing, this.#serve({ kind: 'write', offset, length: bytes.length })]);
  }

  async zero(offset: number, length: number): Promise<void> {
    await this.write(offset, Buffer.alloc(length));
  }

  /** It says nothing about what a discarded range holds. */
  trim(): void {}

  /** What was acknowledged was served. */
  flush(): void {}

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#file.close();
  }

  /** One after the other, so that one request alone is waited for closely. */
  #serve(request: DiskRequest): Promise<void> {
    const cameMs = this.#clock.monotonicMs();
    const service = this.#times.schedule(request, cameMs);
    countRequest(this.#counters, request, { ...service, cameMs });
    this.#last = this.#last.then(() => this.#waitUntil(service.endMs));
    return this.#last;
  }

  async #waitUntil(endMs: number): Promise<void> {
    const restMs = endMs - this.#clock.monotonicMs();
    if (restMs > TIMER_LATENESS_MS) await this.#clock.sleep(restMs - TIMER_LATENESS_MS);
    for (;;) {
      const leftMs = endMs - this.#clock.monotonicMs();
      if (leftMs <= 0) return;
      Atomics.wait(NEVER_WOKEN, 0, 0, Math.min(leftMs, SLICE_MS));
      // Requests that came meanwhile are taken in between.
      await setImmediate();
    }
  }
}

export interface ModelledDiskOptions {
  path: string;
  sizeBytes: number;
  model: DiskModel;
  clock: Clock;
}
