// Owns the part of the Ceph suite that is about what clones have once they are whole, whatever happened meanwhile: those
// who copied for them or wrote to them were killed, and others had them or their clones open to read.

import type { VolumeId } from '@ironbark/core/ids.ts';
import { MIB } from '@ironbark/core/units.ts';
import { systemClock } from '@ironbark/platform/clock.ts';
import { systemCommands } from '@ironbark/platform/commands.ts';
import { type RandomSource, seededRandom } from '@ironbark/platform/random.ts';
import { RbdBackend } from '@ironbark/storage/drivers/rbd-backend.ts';
import { snapshotId, volumeId } from '@ironbark/storage/testing/harness.ts';
import { type CephCluster, POOL, USER } from '../../support/ceph-cluster.ts';
import {
  describeDifferences,
  describeImage,
  ImageClient,
  OBJECT_BYTES,
  rados,
  readImage,
} from '../../support/ceph-images.ts';
import { eventually } from '../../support/cloud-under-test.ts';
import { type Figure, zeroFigure } from '../../support/figures.ts';

const OBJECTS = 16;
const SIZE = OBJECTS * OBJECT_BYTES;
const SIZES = { pointBytes: SIZE, sizeBytes: SIZE };
const PARENT = volumeId(1);
const POINT = { id: PARENT, snapshotId: snapshotId(1) };
const ROUNDS = 12;
const BEFORE_CUT_MS = { least: 100, most: 700 };
/** Ceph believes for so long that a client is there which was killed; half a minute as a rule. */
const DEAD_S = 5;
const TIMEOUT_MS = 120_000;
const WRITTEN = 200;
const WRITTEN_BYTES = 64 * 1024;

export interface FlatteningOptions {
  rounds?: number | undefined;
  seed: number;
  explain: (line: string) => void;
}

export async function measureFlattening(
  ceph: CephCluster,
  { rounds = ROUNDS, seed, explain }: FlatteningOptions,
): Promise<Figure[]> {
  const lab = new FlatteningLab(ceph, explain);
  const timeout = ['osd', 'osd_client_watch_timeout'];
  await ceph.ceph('config', 'set', ...timeout, String(DEAD_S));
  await lab.makeParent();
  const random = seededRandom(seed);
  const wrong = { writer: 0, copier: 0 };
  for (let round = 0; round < rounds; round += 1) {
    const who = round % 2 === 0 ? 'writer' : 'copier';
    wrong[who] += await lab.cutShort(who, random);
  }
  const figures = [
    zeroFigure('clones that are wrong after a writer’s death', wrong.writer),
    zeroFigure('clones that are wrong after being flattened in two goes', wrong.copier),
    zeroFigure('clones that lack what a dead writer had announced', await lab.trustAnnounced()),
    zeroFigure('readers that miss what went with a parent', await lab.readMeanwhile()),
  ];
  await lab.remove(PARENT);
  await ceph.ceph('config', 'rm', ...timeout);
  return figures;
}

class FlatteningLab {
  readonly #ceph: CephCluster;
  readonly #explain: (line: string) => void;
  readonly #parent = Buffer.alloc(SIZE);

  constructor(ceph: CephCluster, explain: (line: string) => void) {
    this.#ceph = ceph;
    this.#explain = explain;
    for (let at = 0; at < OBJECTS; at += 1) {
      this.#parent.fill(at + 1, at * OBJECT_BYTES, (at + 1) * OBJECT_BYTES);
    }
  }

  async makeParent(): Promise<void> {
    await using backend = this.#backend();
    await backend.prepare(PARENT, SIZE);
    for (let at = 0; at < SIZE; at += MIB) {
      await backend.write(PARENT, at, this.#parent.subarray(at, at + MIB));
    }
    await backend.finish(PARENT);
    await this.#ceph.rbd(
      'snap',
      'create',
      '--no-progress',
      `${POOL}/${PARENT}@${POINT.snapshotId}`,
    );
  }

  /** One that was killed with the image open is in the way for a while. */
  async remove(id: VolumeId): Promise<void> {
    await using backend = this.#backend();
    const probe = () =>
      backend.remove(id).then(
        () => true,
        () => false,
      );
    await eventually(`${id} gone`, probe, { timeoutMs: TIMEOUT_MS });
  }

  /** A clone that somebody is killed over, and which is then made whole. How many are wrong: one, or none. */
  async cutShort(who: 'writer' | 'copier', random: RandomSource): Promise<number> {
    const id = volumeId(2);
    await this.#clone(id);
    const { least, most } = BEFORE_CUT_MS;
    const afterMs = Math.round(least + random.fraction() * (most - least));
    if (who === 'writer') await this.#dieWriting(id, afterMs);
    else await this.#dieCopying(id, afterMs);
    await this.#flatten(id);
    const wrong = await this.#isWrong(id);
    await this.remove(id);
    return wrong ? 1 : 0;
  }

  /**
   * Ceph’s map of objects is told of an object before there is one, and remembers it when the writer dies in between.
   * Here it is told of all of them.
   */
  async trustAnnounced(): Promise<number> {
    const id = volumeId(2);
    const map = await this.#mapOf(PARENT);
    await this.#clone(id);
    const path = `${this.#ceph.folder}/map`;
    await rados(this.#ceph, 'get', map, path);
    await rados(this.#ceph, 'put', await this.#mapOf(id), path);
    await this.#flatten(id);
    const wrong = await this.#isWrong(id);
    await this.remove(id);
    return wrong ? 1 : 0;
  }

  /** A point of a clone, and a clone of that: opened before the clone is whole, and read after its parent is gone. */
  async readMeanwhile(): Promise<number> {
    const [first, second] = [volumeId(2), volumeId(3)];
    const point = { id: first, snapshotId: snapshotId(2) };
    await this.#clone(first);
    await this.#ceph.rbd('snap', 'create', '--no-progress', `${POOL}/${first}@${point.snapshotId}`);
    await this.#clone(second, point);
    await using one = await ImageClient.open(this.#ceph, `${POOL}/${first}@${point.snapshotId}`, [
      '-r',
    ]);
    await using other = await ImageClient.open(this.#ceph, `${POOL}/${second}`);
    for (const client of [one, other]) await client.run('read -P 1 0 4k');
    await this.#flatten(first);
    await this.#ceph.rbd('snap', 'rm', '--no-progress', `${POOL}/${PARENT}@${POINT.snapshotId}`);
    const wrong = [await this.#countWrong(one), await this.#countWrong(other)];
    await Promise.all([one.close(), other.close()]);
    await this.remove(second);
    await this.remove(first);
    return wrong.filter((count) => count > 0).length;
  }

  async #countWrong(client: ImageClient): Promise<number> {
    let wrong = 0;
    for (let at = 0; at < OBJECTS; at += 1) {
      await client.run(`read -P ${at + 1} ${at * 4}M 4M`).catch((error: unknown) => {
        if (wrong === 0) this.#explain(String(error));
        wrong += 1;
      });
    }
    return wrong;
  }

  /** A piece at the beginning of each object is written, or not. */
  async #dieWriting(id: VolumeId, afterMs: number): Promise<void> {
    const client = await ImageClient.open(this.#ceph, `${POOL}/${id}`);
    for (let at = 0; at < OBJECTS; at += 1) {
      client.begin(`aio_write -P ${WRITTEN} ${at * 4}M ${WRITTEN_BYTES}`);
    }
    await systemClock.sleep(afterMs);
    await client.kill();
  }

  async #dieCopying(id: VolumeId, afterMs: number): Promise<void> {
    await using backend = this.#backend();
    await backend.points.flatten(id);
    await systemClock.sleep(afterMs);
  }

  async #isWrong(id: VolumeId): Promise<boolean> {
    const expected = Buffer.from(this.#parent);
    const found = await readImage(this.#ceph, `${POOL}/${id}`);
    for (let at = 0; at < SIZE; at += OBJECT_BYTES) {
      if (found[at] === WRITTEN) expected.fill(WRITTEN, at, at + WRITTEN_BYTES);
    }
    const differences = describeDifferences(found, expected);
    if (differences.length === 0) return false;
    this.#explain([...differences, await describeImage(this.#ceph, id)].join('\n'));
    return true;
  }

  async #mapOf(name: string): Promise<string> {
    const text = await this.#ceph.rbd('info', '--format', 'json', `${POOL}/${name}`);
    return `rbd_object_map.${(JSON.parse(text) as { id: string }).id}`;
  }

  async #clone(id: VolumeId, point = POINT): Promise<void> {
    await using backend = this.#backend();
    await backend.points.clone(id, point, SIZES);
  }

  async #flatten(id: VolumeId): Promise<void> {
    await using backend = this.#backend();
    const options = { timeoutMs: TIMEOUT_MS };
    const probe = async () => {
      const { state } = await backend.points.inspectClone(id);
      if (state === 'idle') await backend.points.flatten(id);
      return state === 'done';
    };
    await eventually(`${id} whole`, probe, options);
    await backend.points.tidy();
  }

  #backend(): RbdBackend {
    const { confPath, keyringPath } = this.#ceph;
    const settings = { pool: POOL, user: USER, confPath, keyringPath };
    return new RbdBackend(settings, { commands: systemCommands, clock: systemClock });
  }
}
