// Snapshots of several volumes that share a point in time: what was written after something that is not in the set is
// not in it either.

import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import type { SnapshotId, VolumeId } from '@ironbark/core/ids.ts';
import { KIB, MIB } from '@ironbark/core/units.ts';
import { systemClock } from '@ironbark/platform/clock.ts';
import { connectQmp } from '@ironbark/platform/qmp.ts';
import type { VolumeStorageObservation } from '@ironbark/protocol/internal/storage-client.ts';
import { daemonPaths } from '@ironbark/storage/drivers/daemon-arguments.ts';
import {
  Harness,
  NODE,
  nbdUri,
  snapshot,
  snapshotId,
  volume,
  volumeId,
} from '@ironbark/storage/testing/harness.ts';
import { QemuIo } from './workloads/qemu-io.ts';

const RECORD_BYTES = 4 * KIB;
const SIZE_BYTES = 8 * MIB;
const VOLUMES = 3;
/** Before a set is asked for, and while it is taken and after. */
const RECORDS_BETWEEN = 20;
const SETS = 2;
const MAX_RECORDS = (SIZE_BYTES / RECORD_BYTES) * VOLUMES;

test('of records written to three volumes in turn, no later one is in a set without its predecessor', async (t) => {
  await using harness = await Harness.start();
  const disks = await Promise.all(EACH.map((at) => openDisk(harness, at + 1)));
  const writer: Writer = { written: 0, mayEnd: false, longestMs: 0 };
  const writing = writeInTurn(disks, writer);
  for (let set = 0; set < SETS; set++) {
    await records(harness, writer, RECORDS_BETWEEN);
    const together = EACH.map((at) => snapshotId(digitOf(set, at)));
    await harness.put(...together.map((_, at) => member(together, set, at)));
    for (const id of together) {
      await harness.untilCompleted(id);
    }
    // The guest's writes go on after it.
    await records(harness, writer, RECORDS_BETWEEN);
  }
  await snapOneByOne(harness, writer);
  writer.mayEnd = true;
  await writing;
  for (const disk of disks) disk.end();
  t.diagnostic(`the longest write took ${Math.round(writer.longestMs)} ms`);
  for (let set = 0; set < SETS; set++) {
    const { count, later } = await readSet(harness, set, writer.written);
    assert.ok(count >= RECORDS_BETWEEN, `set ${set} has ${count} records in a row`);
    assert.deepEqual(later, [], `set ${set} lacks record ${count} and has later ones`);
  }
  const control = await readSet(harness, SETS, writer.written);
  assert.notDeepEqual(control.later, [], 'what is taken one by one shows the difference');
});

/** Without a common moment; the records between them tell. */
async function snapOneByOne(harness: Harness, writer: Writer): Promise<void> {
  for (const at of EACH) {
    const { together: _alone, ...one } = member([], SETS, at);
    await harness.put(one);
    await harness.untilSnapshot(one.id, (each) => each.state === 'completed');
    await records(harness, writer, RECORDS_BETWEEN);
  }
}

interface Writer {
  written: number;
  mayEnd: boolean;
  longestMs: number;
}

const EACH = Array.from({ length: VOLUMES }, (_, at) => at);

function digitOf(set: number, at: number): number {
  return VOLUMES * set + at + 1;
}

function member(together: SnapshotId[], set: number, at: number) {
  return snapshot(digitOf(set, at), {
    volumeId: volumeId(at + 1),
    volumeSizeBytes: SIZE_BYTES,
    together,
  });
}

async function openDisk(harness: Harness, digit: number): Promise<QemuIo> {
  await harness.put(volume(digit, { sizeBytes: SIZE_BYTES, exportTo: NODE }));
  const seen = await harness.untilVolume(volumeId(digit), (each) => each.export !== undefined);
  return new QemuIo(nbdUri(seen), { waitsSeconds: 60 });
}

/** Record n goes to one disk once record n - 1 was answered by the other. */
async function writeInTurn(disks: readonly QemuIo[], writer: Writer): Promise<void> {
  while (!writer.mayEnd && writer.written < MAX_RECORDS) {
    const record = writer.written;
    const offset = Math.floor(record / VOLUMES) * RECORD_BYTES;
    const startedMs = systemClock.monotonicMs();
    await disks[record % VOLUMES]!.write(offset, RECORD_BYTES, 1 + (record % 250));
    writer.longestMs = Math.max(writer.longestMs, systemClock.monotonicMs() - startedMs);
    writer.written += 1;
  }
}

async function records(harness: Harness, writer: Writer, count: number) {
  const wanted = Math.min(MAX_RECORDS, writer.written + count);
  await harness.until(`${wanted} records`, () => writer.written >= wanted);
}

/** How many records the set has in a row, and those after the first that it lacks. */
async function readSet(
  harness: Harness,
  set: number,
  written: number,
): Promise<{ count: number; later: number[] }> {
  const found = await Promise.all(EACH.map((at) => restore(harness, set, at)));
  const isThere = (record: number) =>
    found[record % VOLUMES]![Math.floor(record / VOLUMES) * RECORD_BYTES] === 1 + (record % 250);
  const all = Array.from({ length: written }, (_, record) => record);
  const lacking = all.findIndex((record) => !isThere(record));
  const count = lacking < 0 ? written : lacking;
  return { count, later: all.slice(count).filter(isThere) };
}

async function restore(harness: Harness, set: number, at: number): Promise<Buffer> {
  const digit = 100 + digitOf(set, at);
  const fromSnapshotId = snapshotId(digitOf(set, at));
  await harness.put(volume(digit, { sizeBytes: SIZE_BYTES, fromSnapshotId }));
  const isFilled = ({ state, progressPercent }: VolumeStorageObservation) =>
    state === 'ready' && progressPercent === 100;
  await harness.untilVolume(volumeId(digit), isFilled);
  return harness.read(volumeId(digit), 0, SIZE_BYTES);
}

test('a set whose freezing is cut short at any point ends whole, and its volumes are served', async () => {
  let cuts = 0;
  await using harness = await Harness.start({
    drivers: (drivers) => {
      const freeze = drivers.target.freezeTogether.bind(drivers.target);
      // Held, but not written down.
      drivers.target.freezeTogether = async (points) => {
        await freeze(points);
        cuts += 1;
        if (cuts < 3) throw new Error('planted');
      };
      return drivers;
    },
  });
  for (const at of EACH) (await openDisk(harness, at + 1)).end();
  const together = EACH.map((at) => snapshotId(digitOf(0, at)));
  await harness.put(...together.map((_, at) => member(together, 0, at)));
  for (const id of together) {
    await harness.untilCompleted(id);
  }
  assert.equal(cuts, 3);
  await harness.untilQuiet();
  const left = (await harness.files()).filter((path) => path.startsWith('overwritten/'));
  assert.deepEqual(left, []);
  // As a controller leaves them that dies before it has exported them again.
  await harness.storage[Symbol.asyncDispose]();
  for (const at of EACH) await endExport(harness, volumeId(at + 1));
  await harness.restart();
  for (const at of EACH) {
    const seen = (await harness.volume(volumeId(at + 1)))!;
    await harness.untilDone(seen, 'read -P 0 0 1M');
  }
});

async function endExport(harness: Harness, id: VolumeId): Promise<void> {
  const socketPath = join(harness.dataDir, daemonPaths(id).controlSocket);
  const qmp = await connectQmp({ socketPath, clock: systemClock, timeoutMs: 5_000 });
  await qmp.execute('block-export-del', { id: 'volume', mode: 'hard' });
  qmp.close();
}

test('a set of which a volume is gone fails as a whole', async () => {
  await using harness = await Harness.start({ target: 'simulated' });
  await harness.put(volume(1, { sizeBytes: SIZE_BYTES }));
  await harness.untilVolume(volumeId(1), (each) => each.state === 'ready');
  await harness.put(volume(2, { sizeBytes: SIZE_BYTES, desired: 'absent' }));
  await harness.untilVolume(volumeId(2), (each) => each.state === 'absent');
  const together = [snapshotId(1), snapshotId(2)];
  await harness.put(...together.map((_, at) => member(together, 0, at)));
  for (const id of together) {
    const failed = await harness.untilSnapshot(id, (each) => each.state !== 'pending');
    assert.equal(failed.state, 'failed');
    assert.match(failed.reason ?? '', /no common point in time/);
  }
});

test('one that is deleted before its time has come is not waited for', async () => {
  await using harness = await Harness.start({ target: 'simulated' });
  for (const digit of [1, 2]) {
    await harness.put(volume(digit, { sizeBytes: SIZE_BYTES }));
    await harness.untilVolume(volumeId(digit), (each) => each.state === 'ready');
  }
  const together = [snapshotId(1), snapshotId(2)];
  const [first, second] = together.map((_, at) => member(together, 0, at));
  await harness.put({ ...second!, generation: 2, desired: 'absent' });
  await harness.untilSnapshot(snapshotId(2), (each) => each.state === 'absent');
  await harness.storage.client.forget({ volumes: [], snapshots: [snapshotId(2)] });
  await harness.put(first!);
  await harness.untilSnapshot(snapshotId(1), (each) => each.state === 'completed');
});
