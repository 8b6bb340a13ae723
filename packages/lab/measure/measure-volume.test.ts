import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, beforeEach, test } from 'node:test';
import { MIB } from '@ironbark/core/units.ts';
import { systemClock } from '@ironbark/platform/clock.ts';
import { systemCommands } from '@ironbark/platform/commands.ts';
import { serveNbd, type WritableDisk } from '@ironbark/platform/nbd/server.ts';
import {
  findData,
  measureVolume,
  unwrittenShare,
  type VolumePlan,
  type VolumeRun,
} from './measure-volume.ts';

const DISK_BYTES = 4 * MIB;
const SIZE_BYTES = 2 * MIB;
const bytes = Buffer.alloc(DISK_BYTES);
const seen = { reads: 0, writes: 0, flushes: 0, furthest: 0 };
const disk: WritableDisk = {
  sizeBytes: DISK_BYTES,
  blockBytes: 512,
  read: async (offset, length) => {
    seen.reads += 1;
    seen.furthest = Math.max(seen.furthest, offset + length);
    return bytes.subarray(offset, offset + length);
  },
  write: async (offset, piece) => {
    seen.writes += 1;
    seen.furthest = Math.max(seen.furthest, offset + piece.length);
    piece.copy(bytes, offset);
  },
  zero: async (offset, length) => {
    bytes.fill(0, offset, offset + length);
  },
  trim: () => {},
  flush: async () => {
    seen.flushes += 1;
    if (flushMs > 0) await systemClock.sleep(flushMs);
  },
};
let flushMs = 0;
const sockets = new Set<Socket>();
let folder: string;
let server: Server;
let volume: VolumeRun['volume'];
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ironbark-volume,'));
  const socketPath = join(folder, 'v.nbd');
  volume = { socketPath, exportName: 'vol-1' };
  server = createServer((socket) => {
    sockets.add(socket);
    void serveNbd(socket, { find: (name) => (name === 'vol-1' ? disk : undefined) });
  });
  await new Promise<void>((resolve) => server.listen(socketPath, resolve));
});
after(async () => {
  for (const socket of sockets) socket.destroy();
  server.close();
  await rm(folder, { recursive: true });
});
beforeEach(() => {
  bytes.fill(0);
  Object.assign(seen, { reads: 0, writes: 0, flushes: 0, furthest: 0 });
});

function measure(plan: Partial<VolumePlan>, run: Partial<VolumeRun> = {}) {
  return measureVolume({
    plan: { workload: 'dd', directions: ['read'], sizeBytes: SIZE_BYTES, seconds: 1, ...plan },
    ...{ commands: systemCommands, clock: systemClock, volume, repeat: 2, onProgress: () => {} },
    signal: new AbortController().signal,
    watch: async (_job, work) => ({
      ran: await work(),
      describe: () => ({ hostProcessor: 0.5 }),
    }),
    ...run,
  });
}

test('a volume is read in order, all of the size and nothing beyond, and not written to', async () => {
  const { rows, failure } = await measure({});
  assert.equal(failure, undefined);
  assert.deepEqual(
    rows.map(({ name, direction, rounds }) => [name, direction, rounds]),
    [['in-order', 'read', 2]],
  );
  assert.ok(rows[0]!.mbps! > 0);
  assert.deepEqual([seen.reads, seen.writes, seen.furthest], [64, 0, SIZE_BYTES]);
});

test('writing stays within the size, writes no zeros, and is flushed', async () => {
  await measure({ directions: ['write'] }, { repeat: 1 });
  assert.deepEqual([seen.writes, seen.furthest], [32, SIZE_BYTES]);
  assert.ok(seen.flushes >= 1 && bytes.subarray(0, SIZE_BYTES).every((byte) => byte !== 0));
});

test('what is written counts once it is flushed', async (t) => {
  flushMs = 500;
  t.after(() => {
    flushMs = 0;
  });
  const { rows } = await measure({ directions: ['write'] }, { repeat: 1 });
  const seconds = SIZE_BYTES / 1e6 / rows[0]!.mbps!;
  assert.ok(seconds > 0.4, `${seconds} s`);
});

test('requests apart from each other come back to the beginning, and a limit that is nowhere near holds nothing', async () => {
  const limits = { iops: 1, bytesPerSecond: 1e9, operationBytes: 262_144 };
  const { rows } = await measure(
    { workload: 'fio', seconds: 0.05 },
    { repeat: 1, volume: { ...volume, limits } },
  );
  assert.deepEqual(
    rows.map(({ name, iops }) => [name, iops! > 0]),
    ['in-order-qd16', 'apart-qd1', 'apart-qd16'].map((name) => [name, true]),
  );
  assert.ok(seen.furthest <= SIZE_BYTES, `${seen.furthest}`);
  assert.deepEqual(
    rows.map((row) => row.seen?.explanation),
    [undefined, undefined, undefined],
  );
});

test('a server that has no map is taken for one whose bytes are all there', async () => {
  const plan = { workload: 'dd', directions: ['read'], sizeBytes: SIZE_BYTES, seconds: 1 } as const;
  const { signal } = new AbortController();
  assert.equal(await unwrittenShare({ commands: systemCommands, volume, plan, signal }), 0);
});

test('what could not be measured says so, and an end leaves the rows there were', async () => {
  const gone = await measure({}, { volume: { ...volume, exportName: 'other' } });
  assert.match(gone.failure!, /qemu-img/);
  assert.match(gone.rows[0]!.reason!, /ended before/);
  const ending = new AbortController();
  ending.abort();
  assert.equal((await measure({}, { signal: ending.signal })).failure, undefined);
});

test('data is found where it would be written over, and at the end', async () => {
  const look = () =>
    findData(volume, {
      ...{ sizeBytes: MIB, clock: systemClock, signal: new AbortController().signal },
    });
  assert.equal(await look(), undefined);
  bytes[2 * MIB] = 1;
  assert.equal(await look(), undefined);
  bytes[DISK_BYTES - 1] = 1;
  assert.equal(await look(), DISK_BYTES - 1);
  bytes[70_000] = 1;
  assert.equal(await look(), 70_000);
});
