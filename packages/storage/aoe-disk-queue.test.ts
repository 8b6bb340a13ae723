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
