// Owns one region of the clouds that outside suites talk to: a Cloud Controller over simulated nodes and storage that
// settle before each request, and the public images that the suite expects to find.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { AccountId } from '@ironbark/core/ids.ts';
import { GIB } from '@ironbark/core/units.ts';
import { type Clock, systemClock } from '@ironbark/platform/clock.ts';
import { openSqlite } from '@ironbark/platform/database/sqlite.ts';
import { type Logger, silentLogger } from '@ironbark/platform/logger.ts';
import { systemRandom } from '@ironbark/platform/random.ts';
import { encodeEc2Request } from '@ironbark/protocol/ec2/encode-request.ts';
import type { Ec2Action, Ec2Input, Ec2Output } from '@ironbark/protocol/ec2/types.ts';
import type { Principal } from '@ironbark/protocol/internal/identity-client.ts';
import { ClusterDouble, doubleNode } from '@ironbark/protocol/internal/testing/cluster-double.ts';
import { ObjectsDouble } from '@ironbark/protocol/internal/testing/objects-double.ts';
import { putPretendImage } from '@ironbark/protocol/internal/testing/pretend-image.ts';
import { StorageDouble } from '@ironbark/protocol/internal/testing/storage-double.ts';
import { decodeEc2Request } from '@ironbark/protocol/testing/decode-ec2-request.ts';
import { sql } from 'kysely';
import { type Cloud, startCloud } from '../../../packages/cloud/main.ts';

export interface RegionOptions {
  region: string;
  accountId: AccountId;
  /** Ids that public images get. */
  imageIds: readonly string[];
  /** The same, for images whose root disks are their nodes' own. */
  localImageIds?: readonly string[];
  logger?: Logger;
}

/** More than a suite launches: what it measures is the API, not how this cloud says that it is full. */
const ROOM = { vcpus: 100_000, memoryMib: 2 ** 30, diskBytes: 2 ** 50, diskFreeBytes: 2 ** 50 };
const STORAGE_BYTES = 2 ** 20 * GIB;
/** A second of steps; more means that something never comes to rest. */
const MAX_ROUNDS = 1_000;
const ROOT_DEVICE = '/dev/sda1';

/** Looks again after this long at most where the cloud would take seconds: nobody is disturbed by it here. */
const SHORT_MS = 20;
const POLLS_FROM_MS = 5_000;

const impatientClock: Clock = {
  ...systemClock,
  sleep: (ms, signal) =>
    systemClock.sleep(ms < POLLS_FROM_MS ? Math.min(ms, SHORT_MS) : ms, signal),
};

/** What is under way and waits for a time, and not for a step. */
const UNDER_WAY = [
  "select id from image where stage in ('stopping', 'restarting')",
  "select id from snapshot where desired = 'present' and coalesce(observed_state, 'pending') = 'pending'",
  "select volume_id from volume_modification where state in ('modifying', 'optimizing')",
  "select id from volume where desired = 'absent'",
].join(' union all ');

type Exec = (statement: string, values: readonly string[]) => Promise<unknown[]>;

interface Parts {
  cloud: Cloud;
  cluster: ClusterDouble;
  storage: StorageDouble;
  objects: ObjectsDouble;
  exec: Exec;
}

export class RegionCloud implements AsyncDisposable {
  readonly region: string;
  readonly cloud: Cloud;
  readonly #dataDir: string;
  readonly #cluster: ClusterDouble;
  readonly #storage: StorageDouble;
  readonly #objects: ObjectsDouble;
  readonly #exec: Exec;
  #hasMoved = false;

  private constructor(region: string, dataDir: string, parts: Parts) {
    this.#exec = parts.exec;
    this.region = region;
    this.#dataDir = dataDir;
    this.cloud = parts.cloud;
    this.#cluster = parts.cluster;
    this.#storage = parts.storage;
    this.#objects = parts.objects;
    const note = () => {
      this.#hasMoved = true;
    };
    this.#cluster.onChange(note);
    this.#storage.onChange(note);
  }

  static async start(options: RegionOptions): Promise<RegionCloud> {
    const { region, accountId, imageIds, localImageIds = [] } = options;
    const dataDir = await mkdtemp(join(tmpdir(), 'ironbark-conformance-'));
    const cluster = new ClusterDouble({
      nodes: [doubleNode('node-a', ROOM)],
      reachableAt: '2026-01-01T00:00:00.000Z',
    });
    const storage = new StorageDouble({ totalBytes: STORAGE_BYTES });
    const objects = new ObjectsDouble();
    let exec: Exec = () => Promise.reject(new Error('the database is not open yet'));
    const cloud = await startCloud({
      dataDir,
      clock: impatientClock,
      random: systemRandom,
      logger: options.logger ?? silentLogger,
      region,
      zone: `${region}a`,
      vpcCidr: '172.31.0.0/16',
      accountId,
      allowSharedEmulation: true,
      cluster,
      storage,
      objects,
      openDatabase: async (wanted) => {
        const database = await openSqlite(wanted);
        exec = async (statement, values) => {
          const parts = statement.split('?');
          const texts = parts.map((part, at) =>
            at === 0 ? sql.raw(part) : sql`${values[at - 1]}${sql.raw(part)}`,
          );
          const { rows } = await sql.join(texts, sql.raw('')).execute(database.query);
          return rows;
        };
        return database as never;
      },
    });
    const made = new RegionCloud(region, dataDir, { cloud, cluster, storage, objects, exec });
    await made.#publishImages(imageIds, localImageIds);
    return made;
  }

  /** Takes every step that there is to take, as if all of them took no time. */
  async settle(): Promise<void> {
    for (let round = 0; round < MAX_ROUNDS; round++) {
      this.#hasMoved = false;
      this.#cluster.step();
      this.#storage.step();
      if (!this.#hasMoved && this.cloud.isQuiet() && (await this.#isAtRest())) return;
      await systemClock.sleep(1);
    }
    throw new Error(`the cloud of ${this.region} does not come to rest`);
  }

  async #isAtRest(): Promise<boolean> {
    return (await this.#exec(UNDER_WAY, [])).length === 0;
  }

  /** Owned by an account of their own and launchable by all, each of the same snapshot. */
  async #publishImages(ids: readonly string[], localIds: readonly string[]): Promise<void> {
    const { accountId, arn } = await this.cloud.accounts.addAccount({ name: 'publisher' });
    const publisher: Principal = { accountId, arn, userId: accountId, isRoot: true };
    const zone = `${this.region}a`;
    const { VolumeId } = await this.#call(publisher, 'CreateVolume', {
      AvailabilityZone: zone,
      Size: 8,
    });
    await this.settle();
    const { SnapshotId } = await this.#call(publisher, 'CreateSnapshot', { VolumeId: VolumeId! });
    await this.settle();
    const ofSnapshot = [{ DeviceName: ROOT_DEVICE, Ebs: { SnapshotId: SnapshotId! } }];
    for (const id of ids) {
      await this.#publish(publisher, id, {
        RootDeviceName: ROOT_DEVICE,
        BlockDeviceMappings: ofSnapshot,
      });
    }
    for (const id of localIds) {
      const ImageLocation = await putPretendImage(this.#objects, id);
      await this.#publish(publisher, id, { ImageLocation });
    }
  }

  async #publish(
    publisher: Principal,
    id: string,
    root: Partial<Ec2Input<'RegisterImage'>>,
  ): Promise<void> {
    const { ImageId } = await this.#call(publisher, 'RegisterImage', {
      Name: `image ${id}`,
      Description: 'An image for tests',
      ...root,
    });
    await this.#call(publisher, 'ModifyImageAttribute', {
      ImageId: ImageId!,
      LaunchPermission: { Add: [{ Group: 'all' }] },
    });
    // No API gives an image the id that somebody else's tests know.
    await this.#exec('update image set id = ?, contents = replace(contents, ?, ?) where id = ?', [
      id,
      ImageId!,
      id,
      ImageId!,
    ]);
    const values = [id, ImageId!];
    await this.#exec('update image_permission set image_id = ? where image_id = ?', values);
  }

  async #call<Name extends Ec2Action>(
    principal: Principal,
    action: Name,
    wanted: Partial<Ec2Input<Name>>,
  ): Promise<Ec2Output<Name>> {
    const { accountId } = principal;
    const context = { requestId: 'seed', principal, accountId, region: this.region, dryRun: false };
    const { input } = decodeEc2Request(encodeEc2Request(action, wanted));
    return (await this.cloud.ec2.call(action, context, input)) as Ec2Output<Name>;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.cloud[Symbol.asyncDispose]();
    await rm(this.#dataDir, { recursive: true, force: true });
  }
}
