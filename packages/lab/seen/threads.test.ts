import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  busiestShare,
  cpuMsBetween,
  PROCESSOR_THREADS,
  readThreads,
  SERVING_THREADS,
  type ThreadBusy,
  waitingShare,
} from './threads.ts';

const threads = (...each: [name: string, busyMs: number, waitingMs: number][]) =>
  new Map<string, ThreadBusy>(
    each.map(([name, busyMs, waitingMs]) => [name, { name, busyMs, waitingMs }]),
  );

test('a guest’s processors are told from what serves it, and the busiest of each counts', () => {
  const before = threads(['CPU 0/TCG', 100, 0], ['CPU 1/TCG', 100, 0], ['IO io-lab00', 0, 0]);
  const after = threads(
    ['CPU 0/TCG', 300, 50],
    ['CPU 1/TCG', 900, 150],
    ['IO io-lab00', 250, 100],
    ['qemu-system-x86', 100, 0],
    ['worker', 990, 0],
  );
  const share = (names: RegExp) => busiestShare(before, after, { intervalMs: 1_000, names });
  assert.equal(share(PROCESSOR_THREADS), 0.8);
  assert.equal(share(SERVING_THREADS), 0.25);
  assert.equal(share(/^none/), 0);
  const names = PROCESSOR_THREADS;
  assert.equal(waitingShare(before, after, { intervalMs: 1_000, names }), 0.2);
});

test('time on a processor is what it grew by, and a thread that ended takes nothing away', () => {
  const before = threads(['IO io-lab00', 100, 40], ['worker', 500, 0], ['CPU 0/TCG', 0, 0]);
  const after = threads(['IO io-lab00', 400, 90], ['CPU 0/TCG', 900, 0], ['iou-wrk-7', 20, 5]);
  assert.equal(cpuMsBetween(before, after, /^(?!CPU)/), 250 + 15);
});

test('the threads of a process are read by their names', async () => {
  const [own] = [...(await readThreads(process.pid)).values()];
  assert.ok(own!.name.length > 0 && own!.busyMs > 0 && own!.waitingMs >= 0);
});
