// Owns time: the only place that reads a clock or sets a timer.

import { setTimeout as delay } from 'node:timers/promises';

export interface Clock {
  /** Milliseconds since the epoch; may jump when the host's clock is set. */
  nowMs(): number;
  /** Milliseconds of a clock that never jumps, the same for all processes until the host restarts; for durations. */
  monotonicMs(): number;
  /** Resolves after `ms`, or rejects with the signal's reason. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

const NANOSECONDS_PER_MS = 1e6;

export const systemClock: Clock = {
  nowMs: () => Date.now(),
  monotonicMs: () => Number(process.hrtime.bigint()) / NANOSECONDS_PER_MS,
  sleep: async (ms, signal) => {
    await delay(ms, undefined, signal === undefined ? {} : { signal });
  },
};

/** ISO 8601 with milliseconds and `Z`, the form that AWS uses. */
export function renderTime(ms: number): string {
  return new Date(ms).toISOString();
}

export interface WaitOptions {
  clock: Clock;
  timeoutMs: number;
  /** What is waited for; part of the error. */
  what: string;
  intervalMs?: number;
  signal?: AbortSignal;
}

const DEFAULT_INTERVAL_MS = 50;

/** Calls `probe` until it gives a value other than undefined and false, or the time is up. */
export async function waitFor<T>(
  probe: () => Promise<T | undefined | false> | T | undefined | false,
  options: WaitOptions,
): Promise<T> {
  const deadline = options.clock.monotonicMs() + options.timeoutMs;
  for (;;) {
    options.signal?.throwIfAborted();
    const value = await probe();
    if (value !== undefined && value !== false) return value;
    if (options.clock.monotonicMs() >= deadline) {
      throw new TimeoutError(`${options.what}: not within ${options.timeoutMs} ms`);
    }
    await options.clock.sleep(options.intervalMs ?? DEFAULT_INTERVAL_MS, options.signal);
  }
}

export class TimeoutError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'TimeoutError';
  }
}
