// Owns the part of the Ceph suite that is about points in time and clones: a Storage Controller with real storage daemons
// on a real cluster, written to and read by QEMU's NBD client, which verifies every byte.

import type { VolumeId } from '@ironbark/core/ids.ts';
import { MIB } from '@ironbark/core/units.ts';
import { systemClock } from '@ironbark/platform/clock.ts';
import type {
  StorageSnapshotIntent,
  StorageVolumeIntent,
} from '@ironbark/protocol/internal/storage-client.ts';
import type { StorageDrivers } from '@ironbark/storage/main.ts';
import {
  ACCOUNT,
  daemonPid,
  Harness,
  holdUploads,
  NODE,
  qemuIo,
  snapshot,
  snapshotId,
  volume,
  volumeId,
} from '@ironbark/storage/testing/harness.ts';
import { type CephCluster, POOL, USER } from '../../support/ceph-cluster.ts';
import { eventually } from '../../support/cloud-under-test.ts';
import { type Figure, zeroFigure } from '../../support/figures.ts';

const SIZE = 192 * MIB;
const SMALL = 32 * MIB;
const TIMEOUT_MS = 120_000;
/** No change in Ceph is told in smaller pieces. */
const OBJECT_MIB = 4;
/** A flatten that shows nothing new for so long stands still. */
const STALL_MS = 3_000;

type VolumeWish = Partial<StorageVolumeIntent>;
type SnapshotWish = Partial<StorageSnapshotIntent>;

/** A pattern, and where it lies, in MiB. */
type Run = readonly [pattern: number, offset: number, length: number];

export async function measurePoints(
  ceph: CephCluster,
  explain: (line: string) => void,
): Promise<Figure[]> {
  await using lab = await PointLab.start(ceph, explain);
  const figures = [
    ...(await measureDeltas(lab)),
    ...(await measureClones(lab, ceph)),
    ...(await measureWalrus(lab)),
    ...(await measureLostDaemon(lab)),
    ...(await measureSealed(lab)),
    ...(await measureHold(lab)),
  ];
  await lab.removeAll();
  return [...figures, ...(await countLeft(ceph))];
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

class PointLab implements AsyncDisposable {
  readonly harness: Harness;
  readonly explain: (line: string) => void;
  /** Of points in time. */
  readBytes = 0;
  /** Of snapshots, from the object store. */
  fetched = 0;
  readonly #generations = new Map<string, number>();
  readonly #wishes = new Map<number, VolumeWish>();
  readonly #snapshots = new Map<number, SnapshotWish>();

  private constructor(harness: Harness, explain: (line: string) => void) {
    this.harness = harness;
    this.explain = explain;
  }

  static async start(ceph: CephCluster, explain: (line: string) => void): Promise<PointLab> {
    const { confPath, keyringPath } = ceph;
    const made: { lab?: PointLab } = {};
    const drivers = (own: StorageDrivers): StorageDrivers => {
      const open = own.target.openFrozen.bind(own.target);
      own.target.openFrozen = async (...point) => {
        const reader = await open(...point);
        const read = (offset: number, length: number) => {
          made.lab!.readBytes += length;
          return reader.read(offset, length);
        };
        return { ...reader, read };
      };
      return own;
    };
    const backends = { ceph: { pool: POOL, user: USER, confPath, keyringPath } };
    const lab = new PointLab(await Harness.start({ backends, drivers }), explain);
    made.lab = lab;
    const { objects } = lab.harness;
    const get = objects.getObject.bind(objects);
    objects.getObject = async (input) => {
      if (input.key.startsWith('blocks/')) lab.fetched += 1;
      return await get(input);
    };
    return lab;
  }

  /** What is not said stays as it was said before. */
  async put(digit: number, wish: VolumeWish = {}): Promise<void> {
    const all = { backend: 'rbd' as const, sizeBytes: SIZE, ...this.#wishes.get(digit), ...wish };
    this.#wishes.set(digit, all);
    await this.harness.put(volume(digit, { ...all, generation: this.#next(`v${digit}`) }));
  }

  async open(digit: number, wish: VolumeWish = {}): Promise<void> {
    await this.put(digit, { ...wish, exportTo: NODE });
    await this.until(`${volumeId(digit)} open`, async () => (await this.see(digit))?.export);
  }

  async snap(digit: number, of: number, wish: SnapshotWish = {}): Promise<void> {
    const all = { volumeId: volumeId(of), volumeSizeBytes: SIZE, ...wish };
    this.#snapshots.set(digit, all);
    await this.harness.put(snapshot(digit, { ...all, generation: this.#next(`s${digit}`) }));
  }

  async complete(digit: number, of: number, wish: SnapshotWish = {}): Promise<void> {
    await this.snap(digit, of, wish);
    await this.untilCompleted(digit);
  }

  async untilCompleted(digit: number): Promise<void> {
    await this.until(`${snapshotId(digit)} completed`, async () => {
      const seen = await this.harness.snapshot(snapshotId(digit));
      if (seen?.state === 'failed') throw new Error(`${seen.id}: ${seen.reason}`);
      return seen?.state === 'completed';
    });
  }

  async remove(volumes: readonly number[], snapshots: readonly number[]): Promise<void> {
    for (const digit of snapshots) {
      const absent = { ...this.#snapshots.get(digit), desired: 'absent' as const };
      await this.harness.put(snapshot(digit, { ...absent, generation: this.#next(`s${digit}`) }));
      this.#snapshots.delete(digit);
    }
    for (const digit of volumes) {
      const { exportTo: _, ...rest } = this.#wishes.get(digit)!;
      const absent = { ...rest, desired: 'absent' as const, generation: this.#next(`v${digit}`) };
      await this.harness.put(volume(digit, absent));
      this.#wishes.delete(digit);
    }
    const gone = [...volumes.map(volumeId), ...snapshots.map(snapshotId)] as string[];
    await this.until(`${gone.join(', ')} gone`, async () => {
      const report = await this.harness.storage.client.getReport();
      const left = [...report.volumes, ...report.snapshots].filter(({ id }) => gone.includes(id));
      return left.every(({ state }) => state === 'absent');
    });
  }

  async removeAll(): Promise<void> {
    await this.remove([...this.#wishes.keys()], [...this.#snapshots.keys()]);
  }

  see(digit: number) {
    return this.harness.volume(volumeId(digit));
  }

  /** Resolves once it needs nothing else. */
  untilWhole(digit: number): Promise<unknown> {
    return this.until(`${volumeId(digit)} whole`, async () => {
      const seen = await this.see(digit);
      if (seen?.state === 'failed') throw new Error(`${seen.id}: ${seen.reason}`);
      return seen?.state === 'ready' && seen.progressPercent === 100;
    });
  }

  async write(digit: number, ...runs: Run[]): Promise<void> {
    const steps = runs.map(([pattern, at, length]) => `write -P ${pattern} ${at}M ${length}M`);
    await qemuIo((await this.see(digit))!, ...steps, 'flush');
  }

  /** How many runs are not as they should be. */
  async countWrong(digit: number, ...runs: Run[]): Promise<number> {
    const seen = (await this.see(digit))!;
    let wrong = 0;
    for (const [pattern, at, length] of runs) {
      await qemuIo(seen, `read -P ${pattern} ${at}M ${length}M`).catch((error: unknown) => {
        this.explain(String(error));
        wrong += 1;
      });
    }
    return wrong;
  }

  until<T>(what: string, probe: () => Promise<T | undefined | false>): Promise<T> {
    return eventually(what, probe, { timeoutMs: TIMEOUT_MS });
  }

  #next(key: string): number {
    const next = (this.#generations.get(key) ?? 0) + 1;
    this.#generations.set(key, next);
    return next;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.harness[Symbol.asyncDispose]();
  }
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
  const openMs = await timed(() => lab.open(2, { fromSnapshotId: snapshotId(2) }));
  await ceph.killDisk(0);
  const early = await lab.countWrong(2, AT_TWO[1]!, AT_TWO[4]!);
  await lab.write(2, [68, 20, 1]);
  await lab.snap(3, 2);
  await lab.put(3, { fromSnapshotId: snapshotId(3) });
  await lab.remove([1], [1, 2]);
  lab.explain(`a clone is open after ${openMs} ms; its parent is gone, one disk of three is down`);
  await stallFlatten(lab, ceph);
  await lab.untilWhole(2);
  await lab.untilCompleted(3);
  await lab.untilWhole(3);
  const merged: Run[] = [[17, 10, 10], [68, 20, 1], [17, 21, 107], ...AT_TWO.slice(0, 2)];
  const late = await lab.countWrong(2, ...merged, ...AT_TWO.slice(3));
  await lab.remove([2], []);
  await lab.open(3);
  const last = await lab.countWrong(3, ...merged, ...AT_TWO.slice(3));
  const { length } = JSON.parse(await ceph.rbd('trash', 'ls', '--format', 'json', POOL)) as [];
  return [
    zeroFigure('runs of a clone that are not as snapshotted', early + late + last),
    zeroFigure('blocks that came through the object store', lab.fetched),
    zeroFigure('removed parents that outlive their clones', length),
  ];
}

/** With two disks of three away it stands still, and goes on when they are back. */
async function stallFlatten(lab: PointLab, ceph: CephCluster): Promise<void> {
  await ceph.killDisk(1);
  const { progressPercent: before = 0 } = (await lab.see(2)) ?? {};
  await systemClock.sleep(STALL_MS);
  const { progressPercent: after = 0 } = (await lab.see(2)) ?? {};
  lab.explain(`two disks down: flattening went from ${before} to ${after} % in ${STALL_MS} ms`);
  await ceph.startDisk(0);
  await ceph.startDisk(1);
  await ceph.untilHealthy();
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
