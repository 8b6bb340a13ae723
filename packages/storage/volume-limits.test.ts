// A volume's limits as whoever opens it feels them, through a real storage daemon.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ServiceError } from '@ironbark/core/errors.ts';
import { GIB, MIB } from '@ironbark/core/units.ts';
import { limitsOf, type VolumeLimits } from '@ironbark/core/volume-types.ts';
import { systemClock } from '@ironbark/platform/clock.ts';
import { systemCommands } from '@ironbark/platform/commands.ts';
import type { VolumeStorageObservation } from '@ironbark/protocol/internal/storage-client.ts';
import {
  daemonPid,
  Harness,
  holdUploads,
  NODE,
  nbdUri,
  qemuIo,
  snapshot,
  snapshotId,
  volume,
  volumeId,
} from './testing/harness.ts';

const VOLUME = volumeId(1);
const SLOW: VolumeLimits = { iops: 200, bytesPerSecond: 100 * MIB, operationBytes: 4_096 };
const NARROW: VolumeLimits = { iops: 10_000, bytesPerSecond: 8 * MIB, operationBytes: 256 * 1024 };

/** Seconds that reads of this many bytes take, many at a time. */
async function secondsFor(
  seen: VolumeStorageObservation,
  { count, bytes }: { count: number; bytes: number },
): Promise<number> {
  const shape = ['-c', String(count), '-s', String(bytes), '-S', String(bytes), '-d', '32'];
  const args = ['bench', '-f', 'raw', '-t', 'none', ...shape, nbdUri(seen)];
  const startMs = systemClock.monotonicMs();
  await systemCommands.run('qemu-img', args);
  return (systemClock.monotonicMs() - startMs) / 1_000;
}

/** Past the limits. What was never written is told to be zeros without being read, and so is not held back. */
function fill(harness: Harness): Promise<void> {
  return harness.write(VOLUME, 0, Buffer.alloc(16 * MIB, 'data'));
}

/** After a first part that takes the tenth of a second which passes at once. */
async function opsPerSecond(seen: VolumeStorageObservation, bytes: number, perSecond: number) {
  const seconds = await secondsFor(seen, { count: perSecond * 2, bytes });
  return (perSecond * 2) / seconds;
}

async function put(
  harness: Harness,
  generation: number,
  limits: VolumeLimits,
  sizeBytes = 16 * MIB,
) {
  await harness.put(volume(1, { generation, exportTo: NODE, limits, sizeBytes }));
  return harness.untilVolume(
    VOLUME,
    (each) => each.generation === generation && each.export !== undefined,
  );
}

test('a volume does as many operations and bytes a second as it may, and a change needs no restart', async (t) => {
  await using harness = await Harness.start();
  const seen = await put(harness, 1, SLOW);
  await fill(harness);
  const pid = await daemonPid(harness, VOLUME);
  const ops = await opsPerSecond(seen, 4_096, SLOW.iops);
  await put(harness, 2, NARROW);
  const bytes = await opsPerSecond(seen, 64 * 1024, NARROW.bytesPerSecond / 65_536);
  t.diagnostic(`${ops.toFixed(0)} of 200 IOPS; ${((bytes * 65_536) / MIB).toFixed(2)} of 8 MiB/s`);
  // Two seconds: what passes at once is a twentieth of them; a busy host makes it slower, never faster.
  assert.ok(ops <= SLOW.iops * 1.06 && ops > SLOW.iops * 0.8, `${ops} IOPS`);
  assert.ok(bytes <= 128 * 1.06 && bytes > 128 * 0.8, `${bytes} of 128 requests`);
  assert.equal(await daemonPid(harness, VOLUME), pid);
});

test('one that has saved up goes faster until that is used', async () => {
  await using harness = await Harness.start();
  const burst = { of: 'iops', perSecond: 1_000, seconds: 1 } as const;
  const seen = await put(harness, 1, { ...SLOW, iops: 100, burst: { ...burst, seconds: 2 } });
  await fill(harness);
  const atOnce = await secondsFor(seen, { count: 1_000, bytes: 4_096 });
  assert.ok(atOnce > 0.8 && atOnce < 5, `1,000 operations took ${atOnce} s`);
  await secondsFor(seen, { count: 1_200, bytes: 4_096 });
  const spent = await secondsFor(seen, { count: 100, bytes: 4_096 });
  assert.ok(spent > 0.7, `with nothing left 100 operations took ${spent} s`);
});

test('limits outlive a restart and a daemon that was killed', async () => {
  await using harness = await Harness.start();
  await put(harness, 1, SLOW);
  await fill(harness);
  await harness.restart();
  process.kill(await daemonPid(harness, VOLUME), 'SIGKILL');
  const seen = await harness.until('it is served again', async () => {
    const now = await harness.volume(VOLUME);
    return (
      (await qemuIo(now!, 'read 0 4k').then(
        () => now,
        () => undefined,
      )) ?? false
    );
  });
  const seconds = await secondsFor(seen, { count: 300, bytes: 4_096 });
  assert.ok(seconds > 1.2, `300 operations at 200 a second took ${seconds} s`);
});

test('what reads a point in time is not held back, and limits stay when it is let go', async () => {
  await using harness = await Harness.start();
  const seen = await put(harness, 1, { ...NARROW, bytesPerSecond: MIB });
  await harness.write(VOLUME, 0, Buffer.alloc(16 * MIB, 'snapshot'));
  const upload = holdUploads(harness);
  await harness.put(snapshot(1));
  await upload.reached;
  await qemuIo(seen, 'write -P 0x33 0 256k');
  const startMs = systemClock.monotonicMs();
  upload.release();
  const done = await harness.untilSnapshot(snapshotId(1), (each) => each.state !== 'pending');
  const seconds = (systemClock.monotonicMs() - startMs) / 1_000;
  assert.equal(done.state, 'completed', done.reason);
  assert.ok(seconds < 8, `16 MiB at 1 MiB/s took ${seconds} s`);
  await harness.untilQuiet();
  const after = await secondsFor(seen, { count: 24, bytes: 65_536 });
  assert.ok(after > 0.9, `1.5 MiB at 1 MiB/s took ${after} s`);
});

test('a volume that is open grows: whoever has it open finds it longer, and what it held is there', async () => {
  await using harness = await Harness.start();
  const limits = limitsOf({ type: 'gp3', sizeGib: 1 });
  const seen = await put(harness, 1, limits);
  await qemuIo(seen, 'write -P 0x11 0 16M');
  const pid = await daemonPid(harness, VOLUME);
  await put(harness, 2, limits, 24 * MIB);
  await qemuIo(seen, 'read -P 0x11 0 16M', 'read -P 0 16M 8M', 'write -P 0x22 20M 4M');
  assert.equal(await daemonPid(harness, VOLUME), pid);

  const upload = holdUploads(harness);
  await harness.put(snapshot(1, { volumeSizeBytes: 24 * MIB }));
  await upload.reached;
  await harness.put(volume(1, { generation: 3, exportTo: NODE, limits, sizeBytes: 32 * MIB }));
  await qemuIo(seen, 'read -P 0x22 20M 4M');
  assert.equal((await harness.volume(VOLUME))!.generation, 2, 'not while a point in time is held');
  upload.release();
  await harness.untilVolume(VOLUME, (each) => each.generation === 3);
  await qemuIo(seen, 'read -P 0 24M 8M', 'read -P 0x22 20M 4M');
});

test('a daemon that was told of no limits is told, under whoever has it open', async () => {
  await using harness = await Harness.start();
  await harness.put(volume(1, { exportTo: NODE }));
  const seen = await harness.untilVolume(VOLUME, (each) => each.export !== undefined);
  await qemuIo(seen, 'write -P 0x11 0 16M');
  await put(harness, 2, SLOW);
  await qemuIo(seen, 'read -P 0x11 0 64k');
  const seconds = await secondsFor(seen, { count: 300, bytes: 4_096 });
  assert.ok(seconds > 1.2, `300 operations at 200 a second took ${seconds} s`);
});

test('growth for which there is no room says so, and happens when it is wished for again', async () => {
  let isFull = true;
  await using harness = await Harness.start({
    drivers: (drivers) => {
      const { backend } = drivers;
      const grow = backend.grow.bind(backend);
      backend.grow = async (id, sizeBytes) => {
        if (isFull) throw full();
        await grow(id, sizeBytes);
      };
      return drivers;
    },
  });
  await put(harness, 1, SLOW);
  const wish = { exportTo: NODE, sizeBytes: (2 * GIB) / 64 };
  await harness.put(volume(1, { ...wish, generation: 2 }));
  const refused = await harness.untilVolume(VOLUME, (each) => each.generation === 2);
  assert.deepEqual([refused.state, refused.hasFailedToGrow], ['ready', true]);
  assert.match(refused.reason!, /no room/);
  isFull = false;
  await harness.restart();
  assert.equal((await harness.volume(VOLUME))!.hasFailedToGrow, true, 'it is not tried again');
  await harness.put(volume(1, { ...wish, generation: 3 }));
  const grown = await harness.untilVolume(VOLUME, (each) => each.generation === 3);
  assert.deepEqual([grown.reason, grown.hasFailedToGrow], [undefined, undefined]);
});

function full(): ServiceError {
  const message = 'The storage has no room for 16 MiB more.';
  return new ServiceError({ kind: 'out-of-space', resource: 'volume', message });
}
