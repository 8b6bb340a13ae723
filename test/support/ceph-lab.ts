// Owns a Storage Controller with real storage daemons on a Ceph under test: volumes and snapshots by number, written and
// read by QEMU's NBD client, which verifies every byte.

import { MIB } from '@ironbark/core/units.ts';
import type { AroundStep } from '@ironbark/platform/reconciler.ts';
import type {
  StorageSnapshotIntent,
  StorageVolumeIntent,
} from '@ironbark/protocol/internal/storage-client.ts';
import type { StorageDrivers } from '@ironbark/storage/main.ts';
import {
  Harness,
  NODE,
  qemuIo,
  snapshot,
  snapshotId,
  volume,
  volumeId,
} from '@ironbark/storage/testing/harness.ts';
import { type CephCluster, POOL, USER } from './ceph-cluster.ts';
import { describeImage } from './ceph-images.ts';
import { eventually } from './cloud-under-test.ts';

/** Unless told otherwise. */
export const LAB_VOLUME_BYTES = 192 * MIB;
const TIMEOUT_MS = 120_000;

/** A pattern, and where it lies, in MiB. */
export type Run = readonly [pattern: number, offset: number, length: number];
type VolumeWish = Partial<StorageVolumeIntent>;
type SnapshotWish = Partial<StorageSnapshotIntent>;

export class PointLab implements AsyncDisposable {
  readonly harness: Harness;
  readonly explain: (line: string) => void;
  /** Of points in time. */
  readBytes = 0;
  /** Of snapshots, from the object store. */
  fetched = 0;
  /** Done right after a step has been taken, once. */
  readonly after = new Map<string, () => Promise<void>>();
  readonly #generations = new Map<string, number>();
  readonly #wishes = new Map<number, VolumeWish>();
  readonly #snapshots = new Map<number, SnapshotWish>();

  readonly #ceph: CephCluster;

  private constructor(ceph: CephCluster, harness: Harness, explain: (line: string) => void) {
    this.#ceph = ceph;
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
    const aroundStep: AroundStep = async (step, take) => {
      const result = await take();
      const next = made.lab?.after.get(step);
      made.lab?.after.delete(step);
      await next?.();
      return result;
    };
    const harness = await Harness.start({ backends, drivers, aroundStep });
    const lab = new PointLab(ceph, harness, explain);
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
    const all = {
      backend: 'rbd' as const,
      sizeBytes: LAB_VOLUME_BYTES,
      ...this.#wishes.get(digit),
      ...wish,
    };
    this.#wishes.set(digit, all);
    await this.harness.put(volume(digit, { ...all, generation: this.#next(`v${digit}`) }));
  }

  async open(digit: number, wish: VolumeWish = {}): Promise<void> {
    await this.put(digit, { ...wish, exportTo: NODE });
    await this.until(`${volumeId(digit)} open`, async () => (await this.see(digit))?.export);
  }

  async close(digit: number): Promise<void> {
    const { exportTo: _, ...rest } = this.#wishes.get(digit)!;
    this.#wishes.set(digit, rest);
    await this.put(digit);
    await this.until(`${volumeId(digit)} closed`, async () => {
      return (await this.see(digit))?.export === undefined;
    });
  }

  async snap(digit: number, of: number, wish: SnapshotWish = {}): Promise<void> {
    const all = { volumeId: volumeId(of), volumeSizeBytes: LAB_VOLUME_BYTES, ...wish };
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

  /** How many runs are not as they should be. Of one that is wrong all is told that Ceph says of its image. */
  async countWrong(digit: number, ...runs: Run[]): Promise<number> {
    const seen = (await this.see(digit))!;
    let wrong = 0;
    for (const [pattern, at, length] of runs) {
      await qemuIo(seen, `read -P ${pattern} ${at}M ${length}M`).catch((error: unknown) => {
        this.explain(String(error));
        wrong += 1;
      });
    }
    if (wrong > 0) this.explain(await describeImage(this.#ceph, volumeId(digit)));
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
