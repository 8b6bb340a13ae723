// Owns when a modelled disk is done with each request: one at a time, in the order in which they came. Pure.

import type { DiskModel } from '../testbeds.ts';

export interface DiskRequest {
  kind: 'read' | 'write';
  offset: number;
  length: number;
}

export interface Service {
  /** The disk works on it from here on, at the earliest when it came. */
  startMs: number;
  endMs: number;
}

export class ServiceTimes {
  #model: DiskModel;
  #busyUntilMs = 0;
  #headAt = 0;

  constructor(model: DiskModel) {
    this.#model = model;
  }

  change(model: DiskModel): void {
    this.#model = model;
    this.#busyUntilMs = 0;
  }

  schedule(request: DiskRequest, nowMs: number): Service {
    const { creditMs } = this.#model;
    const startMs = Math.max(this.#busyUntilMs, nowMs - creditMs);
    this.#busyUntilMs = startMs + this.#serviceMs(request);
    this.#headAt = request.offset + request.length;
    return { startMs, endMs: Math.max(nowMs, this.#busyUntilMs) };
  }

  #serviceMs({ kind, offset, length }: DiskRequest): number {
    const { readBytesPerSecond, writeBytesPerSecond, seekMs, nearBytes = 0 } = this.#model;
    const rate = kind === 'read' ? readBytesPerSecond : writeBytesPerSecond;
    return (1_000 * length) / rate + (Math.abs(offset - this.#headAt) <= nearBytes ? 0 : seekMs);
  }
}
