// Owns how busy threads of a process are by their names: a guest's own processors apart from what serves it. A thread that
// could run and was not let has as little to give as one that ran.

import { readdir, readFile } from 'node:fs/promises';

const NANOSECONDS_PER_MS = 1e6;
/** In /proc/<pid>/task/<tid>/schedstat (Documentation/scheduler/sched-stats.rst): time on a processor, time waiting for one. */
const ON_PROCESSOR = 0;
const WAITING = 1;

export interface ThreadBusy {
  name: string;
  /** On a processor, or waiting for one. */
  busyMs: number;
  /** Waiting for a processor that somebody else had. */
  waitingMs: number;
}

/** Of all threads that there are now, by their numbers. */
export async function readThreads(pid: number): Promise<Map<string, ThreadBusy>> {
  const threads = new Map<string, ThreadBusy>();
  for (const thread of await readdir(`/proc/${pid}/task`)) {
    const folder = `/proc/${pid}/task/${thread}`;
    const read = (file: string) => readFile(`${folder}/${file}`, 'utf8').catch(() => undefined);
    const [name, times] = await Promise.all([read('comm'), read('schedstat')]);
    // It may end while it is looked at.
    if (name === undefined || times === undefined) continue;
    const fields = times.split(' ').map(Number);
    const waitingMs = fields[WAITING]! / NANOSECONDS_PER_MS;
    const busyMs = fields[ON_PROCESSOR]! / NANOSECONDS_PER_MS + waitingMs;
    threads.set(thread, { name: name.trim(), busyMs, waitingMs });
  }
  return threads;
}

/** 0 to 1: of the busiest of these threads in an interval; 0 where there is none of them. */
export function busiestShare(
  before: ReadonlyMap<string, ThreadBusy>,
  after: ReadonlyMap<string, ThreadBusy>,
  { intervalMs, names }: { intervalMs: number; names: RegExp },
): number {
  const shares = [...after].map(([thread, { name, busyMs }]) =>
    names.test(name) ? (busyMs - (before.get(thread)?.busyMs ?? 0)) / intervalMs : 0,
  );
  return Math.min(1, Math.max(0, ...shares));
}

/**
 * How much of an interval went by while some of these threads could have run and were not let, as if they worked one after
 * the other, which is how one request at a time is served; 0 to 1.
 */
export function waitingShare(
  before: ReadonlyMap<string, ThreadBusy>,
  after: ReadonlyMap<string, ThreadBusy>,
  { intervalMs, names }: { intervalMs: number; names: RegExp },
): number {
  const waitedMs = [...after].reduce((sum, [thread, { name, waitingMs }]) => {
    const since = waitingMs - (before.get(thread)?.waitingMs ?? 0);
    return names.test(name) ? sum + since : sum;
  }, 0);
  return Math.min(1, Math.max(0, waitedMs / intervalMs));
}

/** QEMU's names: a guest's processors, and whatever else is at work for it but for its short-lived threads. */
export const PROCESSOR_THREADS = /^CPU \d+\//;
export const SERVING_THREADS = /^(?!CPU \d+\/|worker|call_rcu)/;

/** Time on a processor alone, of all threads of these names. One that ended meanwhile takes nothing away. */
export function cpuMsBetween(
  before: ReadonlyMap<string, ThreadBusy>,
  after: ReadonlyMap<string, ThreadBusy>,
  names: RegExp,
): number {
  let sumMs = 0;
  for (const [thread, now] of after) {
    if (!names.test(now.name)) continue;
    const then = before.get(thread);
    sumMs += now.busyMs - now.waitingMs - (then === undefined ? 0 : then.busyMs - then.waitingMs);
  }
  return sumMs;
}
