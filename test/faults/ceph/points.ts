// Owns the part of the Ceph suite that is about points in time and clones: a Storage Controller with real storage daemons
// on a real cluster, written to and read by QEMU's NBD client, which verifies every byte.

import type { VolumeId } from '@ironbark/core/ids.ts';
import { MIB } from '@ironbark/core/units.ts';
import { systemClock } from '@ironbark/platform/clock.ts';
import {
  ACCOUNT,
  daemonPid,
  holdUploads,
  qemuIo,
  snapshotId,
  volumeId,
} from '@ironbark/storage/testing/harness.ts';
import { type CephCluster, POOL } from '../../support/ceph-cluster.ts';
import { PointLab, type Run, LAB_VOLUME_BYTES as SIZE } from '../../support/ceph-lab.ts';
import { type Figure, zeroFigure } from '../../support/figures.ts';

const SMALL = 32 * MIB;
/** No change in Ceph is told in smaller pieces. */
const OBJECT_MIB = 4;
/** A flatten that shows nothing new for so long stands still. */
const STALL_MS = 3_000;
/** Of the log, when something goes wrong. */
const LINES_SHOWN = 40;

export async function measurePoints(
  ceph: CephCluster,
  explain: (line: string) => void,
): Promise<Figure[]> {
  await using lab = await PointLab.start(ceph, explain);
  try {
    return [...(await measureAll(lab, ceph)), ...(await countLeft(ceph))];
  } catch (error) {
    explain(lab.harness.log().split('\n').slice(-LINES_SHOWN).join('\n'));
    throw error;
  }
}

async function measureAll(lab: PointLab, ceph: CephCluster): Promise<Figure[]> {
  const figures = [
    ...(await measureDeltas(lab)),
    ...(await measureClones(lab, ceph)),
    ...(await measureWalrus(lab)),
    ...(await measureLostDaemon(lab)),
    ...(await measureSealed(lab)),
    ...(await measureHold(lab)),
    ...(await measureSet(lab)),
    ...(await measureDoor(lab)),
  ];
  await lab.removeAll();
  return figures;
}

/** What a cloud that has nothing any more has in the cluster. */
export async function countLeft(ceph: CephCluster): Promise<Figure[]> {
  const images = JSON.parse(await ceph.rbd('ls', '--long', '--format', 'json', POOL)) as unknown[];
  const trash = JSON.parse(await ceph.rbd('trash', 'ls', '--format', 'json', POOL)) as unknown[];
  return [
    zeroFigure('images and points left in the pool', images.length),
    zeroFigure('images left in the trash', trash.length),
  ];
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const begunAt = systemClock.monotonicMs();
  await work();
  return Math.round(systemClock.monotonicMs() - begunAt);
}

/** Volume 1, with snapshots 1 and 2. */
async function measureDeltas(lab: PointLab): Promise<Figure[]> {
  await lab.open(1);
  await lab.write(1, [17, 0, 128]);
  const firstMs = await timed(() => lab.complete(1, 1));
  const first = lab.readBytes / MIB;
  await lab.write(1, [34, 9, 1], [51, 130, 1]);
  lab.readBytes = 0;
  const secondMs = await timed(() => lab.complete(2, 1));
  const second = lab.readBytes / MIB;
  lab.explain(
    `first snapshot: ${first} MiB read, ${firstMs} ms; second: ${second}, ${secondMs} ms`,
  );
  const bar = 2 * OBJECT_MIB;
  return [
    { name: 'MiB read for 2 MiB of changes', value: second, bar, ok: second <= bar && second >= 2 },
  ];
}

/** Of what volume 1 holds at snapshot 2. */
const AT_TWO: Run[] = [
  [17, 0, 9],
  [34, 9, 1],
  [17, 10, 118],
  [0, 128, 2],
  [51, 130, 1],
  [0, 131, 61],
];

/** Volume 2 of snapshot 2, then volume 3 of a snapshot of that, and all that they came from removed meanwhile. */
async function measureClones(lab: PointLab, ceph: CephCluster): Promise<Figure[]> {
  lab.fetched = 0;
  const commandMs = await timed(() => ceph.rbd('info', `${POOL}/${volumeId(1)}`));
  lab.after.set('volume/flatten', () => killTwo(ceph));
  const openMs = await timed(() => lab.open(2, { fromSnapshotId: snapshotId(2) }));
  lab.explain(`a clone is open after ${openMs} ms, where a command takes ${commandMs} ms`);
  const stalled = await standStill(lab, ceph);
  await lab.harness.restart();
  const early = await lab.countWrong(2, AT_TWO[1]!, AT_TWO[4]!);
  await lab.write(2, [68, 20, 1]);
  await lab.snap(3, 2);
  await lab.put(3, { fromSnapshotId: snapshotId(3) });
  await lab.remove([1], [1, 2]);
  await lab.untilWhole(2);
  await lab.untilCompleted(3);
  await lab.untilWhole(3);
  const merged: Run[] = [[17, 10, 10], [68, 20, 1], [17, 21, 107], ...AT_TWO.slice(0, 2)];
  const late = await lab.countWrong(2, ...merged, ...AT_TWO.slice(3));
  await ceph.startDisk(0);
  await ceph.untilHealthy();
  await lab.remove([2], []);
  await lab.open(3);
  const last = await lab.countWrong(3, ...merged, ...AT_TWO.slice(3));
  const { length } = JSON.parse(await ceph.rbd('trash', 'ls', '--format', 'json', POOL)) as [];
  return [
    zeroFigure('clones that were whole before the disks died', stalled ? 0 : 1),
    zeroFigure('runs of a clone that are not as snapshotted', early + late + last),
    zeroFigure('blocks that came through the object store', lab.fetched),
    zeroFigure('removed parents that outlive their clones', length),
  ];
}

async function killTwo(ceph: CephCluster): Promise<void> {
  await Promise.all([ceph.killDisk(0), ceph.killDisk(1)]);
}

/** With two disks of three away it is not made whole; with two of three it goes on. */
async function standStill(lab: PointLab, ceph: CephCluster): Promise<boolean> {
  await lab.until('the disks to be killed', async () => !lab.after.has('volume/flatten'));
  await systemClock.sleep(STALL_MS);
  const { progressPercent = 100 } = (await lab.see(2)) ?? {};
  lab.explain(`two disks are down: flattening is at ${progressPercent} %`);
  await ceph.startDisk(1);
  return progressPercent < 100;
}

/** Volume 4 of a snapshot whose volume is gone, which only the object store has. */
async function measureWalrus(lab: PointLab): Promise<Figure[]> {
  await lab.complete(4, 3);
  await lab.remove([3], [3]);
  lab.fetched = 0;
  const filledMs = await timed(async () => {
    await lab.put(4, { fromSnapshotId: snapshotId(4) });
    await lab.untilWhole(4);
  });
  lab.explain(`filled from the object store in ${filledMs} ms, ${lab.fetched} blocks`);
  await lab.open(4);
  const kept = [...AT_TWO.slice(0, 2), ...AT_TWO.slice(3)];
  return [
    zeroFigure('runs of a filled volume that are wrong', await lab.countWrong(4, ...kept)),
    zeroFigure('volumes that were filled without the object store', lab.fetched > 0 ? 0 : 1),
  ];
}

/** The daemon dies while a snapshot is being uploaded, and the volume is overwritten before it is read. */
async function measureLostDaemon(lab: PointLab): Promise<Figure[]> {
  const uploads = holdUploads(lab.harness);
  await lab.snap(5, 4);
  await uploads.reached;
  process.kill(await daemonPid(lab.harness, volumeId(4) as VolumeId), 'SIGKILL');
  await lab.until('another daemon', async () => {
    return await lab.write(4, [85, 0, 8]).then(
      () => true,
      () => false,
    );
  });
  uploads.release();
  await lab.untilCompleted(5);
  await lab.open(5, { fromSnapshotId: snapshotId(5) });
  const wrong = await lab.countWrong(5, [17, 0, 8]);
  await lab.put(4, { sizeBytes: SIZE + SMALL });
  await lab.until('a longer volume', () =>
    lab.write(4, [7, SIZE / MIB + 1, 1]).then(
      () => true,
      () => false,
    ),
  );
  return [zeroFigure('snapshots that a daemon’s death has changed', wrong)];
}

/** Volumes 6 and 7: LUKS over Ceph. */
async function measureSealed(lab: PointLab): Promise<Figure[]> {
  const sealed = { sizeBytes: SMALL, encryptedFor: ACCOUNT };
  const snapped = { volumeSizeBytes: SMALL, encrypted: true };
  await lab.open(6, sealed);
  await lab.write(6, [102, 0, 16]);
  await lab.complete(6, 6, snapped);
  await lab.write(6, [119, 5, 1]);
  lab.readBytes = 0;
  await lab.complete(7, 6, snapped);
  const readMib = lab.readBytes / MIB;
  await lab.open(7, { ...sealed, fromSnapshotId: snapshotId(7) });
  const runs: Run[] = [
    [102, 0, 5],
    [119, 5, 1],
    [102, 6, 10],
    [0, 16, 16],
  ];
  const wrong = await lab.countWrong(7, ...runs);
  const bar = 2 * OBJECT_MIB;
  return [
    zeroFigure('runs of an encrypted volume that are wrong', wrong),
    { name: 'MiB read for 1 MiB of encrypted changes', value: readMib, bar, ok: readMib <= bar },
  ];
}

/** A backup's hold ends without a trace. */
async function measureHold(lab: PointLab): Promise<Figure[]> {
  const held = await lab.harness.storage.holdVolumes();
  await lab.write(4, [9, 0, 1]);
  const { pieces } = await held.read(volumeId(4), 0);
  await held[Symbol.asyncDispose]();
  return [zeroFigure('holds that show what was written later', pieces[0]?.bytes[0] === 85 ? 0 : 1)];
}

/** Volumes 4 and 5 at one moment, and volume 8 of what volume 4 was then. */
async function measureSet(lab: PointLab): Promise<Figure[]> {
  const together = [snapshotId(8), snapshotId(9)];
  await lab.snap(8, 4, { together, volumeSizeBytes: SIZE + SMALL });
  await lab.snap(9, 5, { together });
  await Promise.all([lab.untilCompleted(8), lab.untilCompleted(9)]);
  await lab.write(4, [3, 2, 1]);
  await lab.open(8, { fromSnapshotId: snapshotId(8), sizeBytes: SIZE + SMALL });
  const wrong = await lab.countWrong(8, [9, 0, 1], [85, 1, 7], [7, SIZE / MIB + 1, 1]);
  return [zeroFigure('runs of a set’s clone that are wrong', wrong)];
}

const SLOW = { iops: 1_000, bytesPerSecond: 4 * MIB, operationBytes: 256 * 1024 };
/** Of 20 MiB; what a moment may hold passes at once. */
const SLOW_MS = 3_000;

/** Volume 5: what its opening lets through, and nobody once it is closed. */
async function measureDoor(lab: PointLab): Promise<Figure[]> {
  await lab.close(5);
  await lab.open(5, { limits: SLOW });
  const four: Run[] = [21, 25, 29, 33, 37].map((at) => [17, at, 4]);
  const elapsedMs = await timed(() => lab.countWrong(5, ...four));
  lab.explain(`20 MiB at 4 MiB/s took ${elapsedMs} ms`);
  const before = (await lab.see(5))!;
  await lab.close(5);
  const isOpen = await qemuIo(before, 'read 0 4k').then(
    () => true,
    () => false,
  );
  return [
    zeroFigure('reads that are faster than their limit', elapsedMs < SLOW_MS ? 1 : 0),
    zeroFigure('clients that get in after a detach', isOpen ? 1 : 0),
  ];
}
