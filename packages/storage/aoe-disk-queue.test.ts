import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DiskQueue } from './drivers/aoe/disk-queue.ts';
import type { DiskIo } from './drivers/aoe/disk-source.ts';
import type { DiskCommand } from './drivers/aoe/sector-runs.ts';

/** A disk whose writes end when they are told to. */
function heldDisk() {
  const held: { offset: number; end: () => void }[] = [];
  const written: number[] = [];
  const io: DiskIo = {
    lanes: 2,
    cachedWritesAtATime: 2,
    addressAtHand: () => 0,
    readAtHand: () => 0,
    writeAtHand: () => false,
    read: async () => {},
    write: (run) =>
      new Promise((resolve) => {
        const { offset } = run[0]!;
        const end = () => {
          written.push(offset);
          resolve();
        };
        held.push({ offset, end });
      }),
    persist: async () => {},
  };
  return { io, held, written };
}

function write(offset: number): DiskCommand {
  return { kind: 'write', slot: offset, offset, length: 512, cameAtMs: 0, dataAddress: 0 };
}

test('a write is told done when it was written, also while the cache is being switched on', async () => {
  const disk = heldDisk();
  const done: number[] = [];
  const queue = new DiskQueue({
    io: disk.io,
    done: (commands) => {
      for (const { offset } of commands) {
        assert.ok(disk.written.includes(offset), `${offset} was told done and not written`);
        done.push(offset);
      }
    },
    settled: () => {},
  });
  queue.add(write(0));
  queue.run();
  queue.isWriteThrough = false;
  queue.add(write(4_096));
  queue.run();
  const idle = queue.idle();
  disk.held[0]!.end();
  await new Promise((resolve) => setImmediate(resolve));
  disk.held[1]!.end();
  await idle;
  assert.deepEqual(done, [0, 4_096]);
});

test('a cached write that memory takes is told done at once, and never overtakes one to its sector', async () => {
  const disk = heldDisk();
  const atHand: number[] = [];
  let takesAtHand = false;
  disk.io.writeAtHand = (run) => {
    if (takesAtHand) atHand.push(run[0]!.offset);
    return takesAtHand;
  };
  const done: number[] = [];
  const queue = new DiskQueue({
    io: disk.io,
    done: (commands) => done.push(...commands.map(({ offset }) => offset)),
    settled: () => {},
  });
  queue.add(write(0));
  queue.run();
  assert.deepEqual(disk.held.length, 1, 'without a cache a write waits for its sync');
  disk.held[0]!.end();
  await queue.idle();

  queue.isWriteThrough = false;
  queue.add(write(512));
  queue.run();
  takesAtHand = true;
  queue.add(write(512));
  queue.run();
  assert.deepEqual([atHand, done], [[], [0]], 'the same sector is still being written');
  disk.held[1]!.end();
  await queue.idle();
  assert.deepEqual([atHand, done], [[512], [0, 512, 512]]);

  queue.add(write(1_024));
  queue.run();
  assert.deepEqual(done.at(-1), 1_024);
});
