// Owns the lives of volumes in a control plane that fails: each is made, written to, snapshotted, restored from its
// snapshot, compared, and deleted with what was made of it, in an order by its seed.

import { randomUUID } from 'node:crypto';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { KIB } from '@ironbark/core/units.ts';
import { systemClock, TimeoutError, waitFor } from '@ironbark/platform/clock.ts';
import type { RandomSource } from '@ironbark/platform/random.ts';
import { Ec2Error } from '@ironbark/protocol/ec2/client.ts';
import type { Ec2Input } from '@ironbark/protocol/ec2/types.ts';
import { type ControlPlane, ZONE } from '../../support/churn/control-plane.ts';
import { SMALL_GIB } from '../../support/churn/small-gib.ts';

/** What is not reached by then is stuck: a back-off is 15 s at most, a lost message is sent again after 10 s. */
const STUCK_MS = 90_000;
const LOOK_MS = 100;
const MARK_BYTES = 64 * KIB;
const GONE = /NotFound/;

export interface Tally {
  /** Volumes that were made, restored ones among them. */
  volumes: number;
  snapshots: number;
  compared: number;
  /** What was made of bytes that are not those of the point in time. */
  wrong: number;
  /** Snapshots that ended in an error, as one whose storage daemon was killed may. */
  failedSnapshots: number;
  stuck: string[];
}

export function emptyTally(): Tally {
  return { volumes: 0, snapshots: 0, compared: 0, wrong: 0, failedSnapshots: 0, stuck: [] };
}

export class VolumeLives {
  readonly #plane: ControlPlane;
  readonly #tally: Tally;

  constructor(plane: ControlPlane, tally: Tally) {
    this.#plane = plane;
    this.#tally = tally;
  }

  async live(random: RandomSource): Promise<void> {
    try {
      await this.#live(random);
    } catch (error) {
      if (!(error instanceof TimeoutError)) throw error;
      this.#tally.stuck.push(error.message);
    }
  }

  async #live(random: RandomSource): Promise<void> {
    const happens = (share: number) => random.fraction() < share;
    const volume = await this.#create({ Size: happens(0.2) ? 2 : 1 });
    if ((await this.#untilMade(volume)) === 'error') return await this.#delete(volume);
    const mark = {
      at: Math.floor(random.fraction() * (SMALL_GIB / MARK_BYTES)),
      bytes: random.bytes(MARK_BYTES),
    };
    await this.#write(volume, mark);
    if (happens(0.2)) return await this.#delete(volume);
    const snapshot = await this.#snapshot(volume);
    const goesEarly = happens(0.3);
    if (goesEarly) await this.#ask(volume);
    const state = await this.#untilSnapshot(snapshot);
    if (state === 'completed') await this.#restore(snapshot, mark, happens(0.3));
    else this.#tally.failedSnapshots += 1;
    await this.#deleteSnapshot(snapshot);
    await this.#delete(volume);
  }

  async #restore(snapshot: string, mark: Mark, deletesSnapshotFirst: boolean): Promise<void> {
    const restored = await this.#create({ SnapshotId: snapshot });
    if (deletesSnapshotFirst)
      await this.#plane.call('DeleteSnapshot', { SnapshotId: snapshot }, GONE);
    if ((await this.#untilMade(restored)) === 'available') {
      this.#tally.compared += 1;
      if (!(await this.#fillsWith(restored, mark))) this.#tally.wrong += 1;
    }
    await this.#delete(restored);
  }

  /** A volume is there before its bytes are: they come by and by. Where they do not come it is stuck. */
  async #fillsWith(id: string, mark: Mark): Promise<boolean> {
    const isThere = async () => (await this.#read(id, mark)).equals(mark.bytes);
    try {
      return await this.#until(`${id} filled with what its snapshot has`, isThere);
    } catch (error) {
      if ((await this.#read(id, mark)).equals(Buffer.alloc(MARK_BYTES))) throw error;
      return false;
    }
  }

  async #create(wish: Omit<Ec2Input<'CreateVolume'>, 'AvailabilityZone'>): Promise<string> {
    const ClientToken = randomUUID();
    const Tags = [{ Key: 'churn', Value: 'yes' }];
    const made = await this.#plane.call('CreateVolume', {
      ...wish,
      AvailabilityZone: ZONE,
      ClientToken,
      TagSpecifications: [{ ResourceType: 'volume', Tags }],
    });
    this.#tally.volumes += 1;
    return made!.VolumeId!;
  }

  async #snapshot(VolumeId: string): Promise<string> {
    const { SnapshotId } = (await this.#plane.call('CreateSnapshot', { VolumeId }))!;
    this.#tally.snapshots += 1;
    return SnapshotId!;
  }

  #untilMade(id: string): Promise<string> {
    return this.#until(`${id} made`, async () => {
      const state = await this.#stateOf(id);
      return state === 'available' || state === 'error' ? state : undefined;
    });
  }

  #untilSnapshot(id: string): Promise<string> {
    return this.#until(`${id} taken`, async () => {
      const found = await this.#plane.call('DescribeSnapshots', { SnapshotIds: [id] });
      const state = found?.Snapshots?.[0]?.State;
      return state === 'pending' ? undefined : state;
    });
  }

  async #delete(id: string): Promise<void> {
    await this.#ask(id);
    await this.#until(`${id} gone`, async () => (await this.#stateOf(id)) === undefined);
  }

  /** It may be on its way already. */
  async #ask(id: string): Promise<void> {
    await forgive(() => this.#plane.call('DeleteVolume', { VolumeId: id }));
  }

  async #deleteSnapshot(id: string): Promise<void> {
    await forgive(() => this.#plane.call('DeleteSnapshot', { SnapshotId: id }));
    await this.#until(`${id} gone`, async () => {
      const found = await forgive(() =>
        this.#plane.call('DescribeSnapshots', { SnapshotIds: [id] }),
      );
      return (found?.Snapshots ?? []).length === 0;
    });
  }

  async #stateOf(id: string): Promise<string | undefined> {
    const found = await forgive(() => this.#plane.call('DescribeVolumes', { VolumeIds: [id] }));
    return found?.Volumes?.[0]?.State;
  }

  #until<T>(what: string, probe: () => Promise<T | undefined | false>): Promise<T> {
    return waitFor(probe, { clock: systemClock, timeoutMs: STUCK_MS, intervalMs: LOOK_MS, what });
  }

  async #write(id: string, { at, bytes }: Mark): Promise<void> {
    await using file = await open(this.#pathOf(id), 'r+');
    await file.write(bytes, 0, bytes.length, at * MARK_BYTES);
    await file.sync();
  }

  async #read(id: string, { at }: Mark): Promise<Buffer> {
    await using file = await open(this.#pathOf(id), 'r');
    return (await file.read(Buffer.alloc(MARK_BYTES), 0, MARK_BYTES, at * MARK_BYTES)).buffer;
  }

  #pathOf(id: string): string {
    return join(this.#plane.paths.storage, 'volumes', `${id}.raw`);
  }

  /** What calls made whose answers were lost, and what got stuck: whoever looks finds it and deletes it. */
  async deleteAll(): Promise<void> {
    const { Snapshots = [] } = (await this.#plane.call('DescribeSnapshots', {
      OwnerIds: ['self'],
    }))!;
    for (const { SnapshotId } of Snapshots) {
      await forgive(() => this.#plane.call('DeleteSnapshot', { SnapshotId: SnapshotId! }));
    }
    const { Volumes = [] } = (await this.#plane.call('DescribeVolumes', {}))!;
    for (const { VolumeId } of Volumes) await this.#ask(VolumeId!);
  }
}

interface Mark {
  /** In units of its own length. */
  at: number;
  bytes: Buffer;
}

/** Undefined when what is asked about is gone. */
async function forgive<Result>(call: () => Promise<Result>): Promise<Result | undefined> {
  try {
    return await call();
  } catch (error) {
    if (error instanceof Ec2Error && GONE.test(error.code)) return undefined;
    throw error;
  }
}
