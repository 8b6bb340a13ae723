// Needs qemu-storage-daemon. Each opening of a volume that several guests have has a socket of its own.

import assert from 'node:assert/strict';
import { access, chown, readdir, stat, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import type { InstanceId } from '@ironbark/core/ids.ts';
import { KIB, MIB } from '@ironbark/core/units.ts';
import { systemClock } from '@ironbark/platform/clock.ts';
import { findProcesses, worksIn } from '@ironbark/platform/processes.ts';
import { seededRandom } from '@ironbark/platform/random.ts';
import type { StorageVolumeIntent } from '@ironbark/protocol/internal/storage-client.ts';
import { relayMark } from '@ironbark/storage/drivers/relay-arguments.ts';
import {
  daemonPid,
  Harness,
  holdUploads,
  NODE,
  snapshot,
  snapshotId,
  volume,
  volumeId,
} from '@ironbark/storage/testing/harness.ts';
import { NbdDisk } from '../support/nbd-disk.ts';

const VOLUME = volumeId(1);
const [A, B] = ['i-0000000000000000a', 'i-0000000000000000b'] as const;
const SECTOR = 512;
const isRoot = process.getuid?.() === 0;

async function share(
  harness: Harness,
  generation: number,
  instances: readonly InstanceId[],
  changes: Partial<StorageVolumeIntent> = {},
): Promise<Map<string, string>> {
  const openTo = instances.map((instanceId) => ({ instanceId, nodeId: NODE }));
  await harness.put(volume(1, { generation, openTo, ...changes }));
  const seen = await harness.untilVolume(
    VOLUME,
    (each) => each.generation === generation && (each.openings ?? []).length === openTo.length,
  );
  return new Map(
    (seen.openings ?? []).map(({ instanceId, export: place }) => {
      assert.equal(place.kind, 'nbd-unix');
      return [instanceId, place.kind === 'nbd-unix' ? place.socketPath : ''];
    }),
  );
}

function open(socketPath: string | undefined): Promise<NbdDisk> {
  return NbdDisk.open({ socketPath: socketPath!, exportName: VOLUME });
}

/** Again and again, as a guest whose target went away does. */
function reopen(harness: Harness, socketPath: string | undefined): Promise<NbdDisk> {
  return harness.until('it is served again', () => open(socketPath).catch(() => undefined));
}

async function relayPid(harness: Harness, opening: number): Promise<number> {
  const mark = relayMark({ id: VOLUME, opening });
  const found = await findProcesses((argument) => argument.includes(mark));
  for (const { pid } of found) if (await worksIn(pid, harness.dataDir)) return pid;
  throw new Error(`no relay ${opening}`);
}

test('what one guest has flushed the other reads, whoever wrote there before', async () => {
  await using harness = await Harness.start();
  const sockets = await share(harness, 1, [A, B]);
  assert.deepEqual([...sockets.values()].map((path) => path.split('/').at(-1)).sort(), [
    `${VOLUME}.1.nbd`,
    `${VOLUME}.2.nbd`,
  ]);
  const disks = [await open(sockets.get(A)), await open(sockets.get(B))] as const;
  const random = seededRandom(7);
  for (let round = 0; round < 100; round++) {
    const [writer, reader] = round % 2 === 0 ? disks : [disks[1], disks[0]];
    const offset = SECTOR * Math.floor(random.fraction() * 64);
    const length = SECTOR * (1 + Math.floor(random.fraction() * 16));
    const bytes = Buffer.alloc(length, round + 1);
    // The reader has seen what was there before, so that nothing of it may be kept.
    await reader.read(offset, length);
    assert.ok(await writer.write(offset, bytes));
    assert.ok(await writer.flush());
    assert.deepEqual(await reader.read(offset, length), bytes, `round ${round}`);
  }
  // And it is on the disk itself, where a third one finds it.
  const all = await disks[0].read(0, 64 * KIB);
  assert.deepEqual(await harness.read(VOLUME, 0, 64 * KIB), all);
  for (const disk of disks) disk.close();
});

test('one guest is cut off while the other goes on, and comes back by another opening', async () => {
  await using harness = await Harness.start();
  const sockets = await share(harness, 1, [A, B]);
  const [a, b] = [await open(sockets.get(A)), await open(sockets.get(B))];
  let writes = 0;
  let isOver = false;
  const writing = (async () => {
    while (!isOver) if (await b.write((writes % 64) * SECTOR, Buffer.alloc(SECTOR, 2))) writes += 1;
  })();
  // What it has not got answered never reaches the volume later.
  const last = a.write(MIB, Buffer.alloc(64 * KIB, 1));
  await share(harness, 2, [B]);
  await last;
  assert.equal(await a.write(MIB, Buffer.alloc(SECTOR, 3)), false, 'it is cut off');
  await assert.rejects(access(sockets.get(A)!));
  await assert.rejects(open(sockets.get(A)));
  const before = writes;
  await harness.until('the other goes on', () => writes > before + 10);
  const again = await share(harness, 3, [B, A]);
  assert.equal(again.get(B), sockets.get(B));
  assert.notEqual(again.get(A), sockets.get(A));
  const back = await open(again.get(A));
  isOver = true;
  await writing;
  assert.deepEqual(await back.read(0, SECTOR), Buffer.alloc(SECTOR, 2));
  assert.ok(await b.write(0, Buffer.alloc(SECTOR, 5)), 'by the connection that it always had');
  // Nobody has it: the daemon ends, and leaves nothing.
  await share(harness, 4, []);
  await harness.until('nothing is left', async () => (await harness.files()).length === 1);
  assert.equal(await b.write(0, Buffer.alloc(SECTOR, 6)), false);
  assert.deepEqual(await readdir(join(harness.dataDir, 'run/relays')), []);
});

test('limits are those of all guests together, and snapshots are taken of what both write', async () => {
  await using harness = await Harness.start();
  const limits = { iops: 200, bytesPerSecond: 64 * MIB, operationBytes: 256 * KIB };
  const sockets = await share(harness, 1, [A, B], { limits });
  const disks = [await open(sockets.get(A)), await open(sockets.get(B))];
  const writeOn = async (disk: NbdDisk, at: number) => {
    for (let count = 0; count < 130; count++) {
      assert.ok(await disk.write(at * MIB + count * SECTOR, Buffer.alloc(SECTOR, at + 1)));
    }
  };
  const upload = holdUploads(harness);
  const startMs = systemClock.monotonicMs();
  const writing = Promise.all(disks.map(writeOn));
  await harness.put(snapshot(1));
  await upload.reached;
  await writing;
  const seconds = (systemClock.monotonicMs() - startMs) / 1_000;
  assert.ok(seconds > 1, `260 operations at 200 a second took ${seconds} s`);
  upload.release();
  const done = await harness.untilSnapshot(snapshotId(1), (each) => each.state !== 'pending');
  assert.equal(done.state, 'completed', done.reason);

  // With another volume at one moment: nobody's write ends in it, and both guests go on.
  await harness.put(volume(2));
  const together = [snapshotId(2), snapshotId(3)];
  await harness.put(snapshot(2, { together }), snapshot(3, { volumeId: volumeId(2), together }));
  for (const id of together) {
    const taken = await harness.untilSnapshot(id, (each) => each.state !== 'pending');
    assert.equal(taken.state, 'completed', taken.reason);
  }
  for (const disk of disks) assert.ok(await disk.write(0, Buffer.alloc(SECTOR, 9)));
  for (const disk of disks) disk.close();
});

test('a relay, or the daemon behind all, that is killed is replaced at the same place, and both find a grown volume longer', async () => {
  await using harness = await Harness.start();
  const sockets = await share(harness, 1, [A, B]);
  const [a, b] = [await open(sockets.get(A)), await open(sockets.get(B))];
  assert.ok(await a.write(0, Buffer.alloc(SECTOR, 1)));
  // Whose guest opens it is for the node to say, and is kept.
  if (isRoot) await chown(sockets.get(A)!, 1_900_000_123, 1_900_000_123);
  process.kill(await relayPid(harness, 1), 'SIGKILL');
  assert.equal(await a.write(0, Buffer.alloc(SECTOR, 2)), false);
  const next = await reopen(harness, sockets.get(A));
  assert.deepEqual(await next.read(0, SECTOR), Buffer.alloc(SECTOR, 1));
  assert.ok(await b.write(SECTOR, Buffer.alloc(SECTOR, 3)), 'nobody else has seen of it');
  if (isRoot) assert.equal((await stat(sockets.get(A)!)).uid, 1_900_000_123);

  process.kill(await daemonPid(harness, VOLUME), 'SIGKILL');
  // The relay has not been cut: it waits, and then it is answered.
  assert.ok(await b.write(2 * SECTOR, Buffer.alloc(SECTOR, 4)));
  assert.deepEqual(await next.read(SECTOR, SECTOR), Buffer.alloc(SECTOR, 3));

  await share(harness, 2, [A, B], { sizeBytes: 24 * MIB });
  for (const path of sockets.values()) {
    const disk = await reopen(harness, path);
    assert.ok(await disk.write(20 * MIB, Buffer.alloc(SECTOR, 5)));
    assert.deepEqual(await disk.read(2 * SECTOR, SECTOR), Buffer.alloc(SECTOR, 4));
    disk.close();
  }
  await harness.restart();
  await harness.untilQuiet();
  assert.deepEqual(
    (await harness.volume(VOLUME))!.openings!.map(({ instanceId }) => instanceId),
    [A, B],
  );
});

test('a relay of before its volume grew makes way, where all else died between the file and its target', async () => {
  await using harness = await Harness.start();
  const sockets = await share(harness, 1, [A]);
  const before = await open(sockets.get(A));
  assert.ok(await before.write(0, Buffer.alloc(SECTOR, 1)));
  const relay = await relayPid(harness, 1);
  await harness.stop();
  process.kill(await daemonPid(harness, VOLUME), 'SIGKILL');
  await truncate(join(harness.dataDir, 'volumes', `${VOLUME}.raw`), 24 * MIB);
  await harness.restart();
  await share(harness, 2, [A], { sizeBytes: 24 * MIB });
  const disk = await reopen(harness, sockets.get(A));
  assert.ok(await disk.write(20 * MIB, Buffer.alloc(SECTOR, 2)));
  assert.deepEqual(await disk.read(0, SECTOR), Buffer.alloc(SECTOR, 1));
  assert.notEqual(await relayPid(harness, 1), relay);
  disk.close();
});
