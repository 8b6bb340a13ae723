// Owns the tests of a disk that a guest's own nbd driver uses: what becomes of requests when the guest comes again, and
// when the disk is taken away.

import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { systemClock, waitFor } from '@ironbark/platform/clock.ts';
import { listenForNbd } from '@ironbark/platform/nbd/listener.ts';
import type { WritableDisk } from '@ironbark/platform/nbd/server.ts';
import { ServedNbdDisk } from './drivers/nbd-target/served-disk.ts';

const SECTOR = 512;

/** A disk behind its storage daemon's socket, the first write to which waits. */
async function serveHeldDisk() {
  await using making = new AsyncDisposableStack();
  const folder = await mkdtemp(join(tmpdir(), 'ironbark-nbd-'));
  making.defer(() => rm(folder, { recursive: true, force: true }));
  const held = Promise.withResolvers<void>();
  const written: number[] = [];
  let asked = 0;
  const disk: WritableDisk = {
    sizeBytes: 1024 * 1024,
    read: (_offset, length) => Buffer.alloc(length, 9),
    write: async (_offset, bytes) => {
      asked += 1;
      if (asked === 1) await held.promise;
      written.push(bytes[0]!);
    },
    zero: () => {},
    flush: () => {},
  };
  const path = join(folder, 'daemon.sock');
  making.use(await listenForNbd({ path, exports: { find: () => disk } }));
  const served = await ServedNbdDisk.open({
    ...{ serial: 'vol1', path, exportName: 'vol-1', guestAddress: '192.0.2.5' },
    key: 'a'.repeat(64),
  });
  making.defer(() => served.close());
  const made = making.move();
  const isAsked = () => asked > 0;
  const untilAsked = () => until(isAsked, 'the first write');
  return { served, held, written, untilAsked, [Symbol.asyncDispose]: () => made.disposeAsync() };
}

function until(probe: () => boolean, what: string): Promise<boolean> {
  return waitFor(probe, { clock: systemClock, timeoutMs: 5_000, intervalMs: 2, what });
}

function sector(value: number): Buffer {
  return Buffer.alloc(SECTOR, value);
}

test('a guest that comes again writes after what its earlier connection had under way', async () => {
  await using lab = await serveHeldDisk();
  const socket = new Socket();
  const earlier = lab.served.enter(socket);
  const first = earlier.write(0, sector(1));
  await lab.untilAsked();
  const later = lab.served.enter(new Socket());
  const second = later.write(0, sector(2));
  await until(() => socket.destroyed, 'the end of the earlier connection');
  assert.deepEqual(lab.written, []);
  lab.held.resolve();
  await Promise.all([first, second]);
  assert.deepEqual(lab.written, [1, 2]);
  await assert.rejects(earlier.write(0, sector(3)), /has ended/, 'what was still in its buffer');
  assert.equal((await later.read(0, SECTOR))[0], 9);
});

test('a connection that asks nothing leaves the other one alone', async () => {
  await using lab = await serveHeldDisk();
  lab.held.resolve();
  const socket = new Socket();
  const session = lab.served.enter(socket);
  await session.write(0, sector(1));
  lab.served.enter(new Socket());
  await session.write(0, sector(2));
  assert.equal(socket.destroyed, false);
  const { counters } = lab.served.status();
  assert.deepEqual([counters.writeOps, counters.writeBytes], [2, 2 * SECTOR]);
});

test('a disk that is taken away fails what its guest has under way, over the connection that it has', async () => {
  await using lab = await serveHeldDisk();
  const socket = new Socket();
  const session = lab.served.enter(socket);
  const write = session.write(0, sector(1));
  const failed = assert.rejects(write, /closed/);
  await lab.untilAsked();
  await lab.served.revoke();
  await failed;
  await assert.rejects(async () => session.read(0, SECTOR), /closed/);
  assert.equal(socket.destroyed, false);
  assert.equal(lab.served.status().counters.failedOps, 2);
});

test('a disk that is closed cuts its guest off, and what was under way is not told as failed', async () => {
  await using lab = await serveHeldDisk();
  const socket = new Socket();
  const write = lab.served.enter(socket).write(0, sector(1));
  const ended = assert.rejects(write);
  await lab.untilAsked();
  await lab.served.close();
  await ended;
  assert.equal(socket.destroyed, true);
  assert.equal(lab.served.status().counters.failedOps, 0);
});
