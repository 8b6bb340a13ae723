// Owns `npm run bench -- ec2`: what a call of the EC2 API takes with a hundred instances, and with a hundred thousand.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock, waitFor } from '@ironbark/platform/clock.ts';
import { openSqlite } from '@ironbark/platform/database/sqlite.ts';
import { silentLogger } from '@ironbark/platform/logger.ts';
import { seededRandom } from '@ironbark/platform/random.ts';
import { ec2Model } from '@ironbark/protocol/ec2/model.ts';
import { renderEc2Response } from '@ironbark/protocol/ec2/render-response.ts';
import type { Ec2Action, Ec2Input, Ec2Output } from '@ironbark/protocol/ec2/types.ts';
import { ClusterDouble, doubleNode } from '@ironbark/protocol/internal/testing/cluster-double.ts';
import { ObjectsDouble } from '@ironbark/protocol/internal/testing/objects-double.ts';
import { putPretendImage } from '@ironbark/protocol/internal/testing/pretend-image.ts';
import { StorageDouble } from '@ironbark/protocol/internal/testing/storage-double.ts';
import { CamelCasePlugin, type Kysely } from 'kysely';
import { type Cloud, startCloud } from '../../packages/cloud/main.ts';
import type { Schema } from '../../packages/cloud/store/schema.ts';
import { atMost, type Figure } from '../support/figures.ts';
import { measurePlacement } from './placement.ts';

/** How many instances there are, and how many nodes. */
const FLEETS = [100, 1_000, 10_000, 100_000];
const PER_NODE = 100;
const CALLS = 40;
const TAGGED = 10;
/** Of a call with the largest fleet to one with a thousand. */
const RATIO_BAR = 1.5;
const PAGE_BAR_MS = 100;
const ROWS_AT_ONCE = 500;

type Timings = Record<
  'by id' | 'by tag' | 'page of 1,000' | 'page with its XML' | 'RunInstances' | 'CreateTags',
  number[]
>;

export async function measureEc2(): Promise<Figure[]> {
  const fleets = new Map<number, Timings>();
  for (const size of FLEETS) {
    const timings = await measureFleet(size);
    fleets.set(size, timings);
    const columns = Object.entries(timings).map(
      ([name, times]) => `${name} ${at(times, 0.5).toFixed(1)} (p99 ${at(times, 0.99).toFixed(1)})`,
    );
    console.log(`${size} instances, ms: ${columns.join(', ')}`);
  }
  const small = fleets.get(1_000)!;
  const large = fleets.get(100_000)!;
  const ratios = (Object.keys(large) as (keyof Timings)[])
    .filter((name) => !name.startsWith('page'))
    .map((name) => {
      const ratio = at(large[name], 0.5) / Math.max(1, at(small[name], 0.5));
      return atMost(`${name}: p50 at 100,000 instances to p50 at 1,000`, ratio, RATIO_BAR);
    });
  const paging = (['page of 1,000', 'page with its XML'] as const).map((name) =>
    atMost(`${name} of 100,000, p99, ms`, at(large[name], 0.99), PAGE_BAR_MS),
  );
  return [...ratios, ...paging, ...(await measurePlacement())];
}

function at(times: readonly number[], part: number): number {
  const sorted = times.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))]!;
}

async function measureFleet(size: number): Promise<Timings> {
  await using fleet = await Fleet.start(size);
  const ids = await fleet.fill(size);
  const pick = (call: number) => ids[(call * 7_919) % ids.length]!;
  const describe = (input: Partial<Ec2Input<'DescribeInstances'>>) =>
    fleet.call('DescribeInstances', input);
  return {
    'by id': await time(CALLS, (call) => describe({ InstanceIds: [pick(call)] })),
    'by tag': await time(CALLS, () =>
      describe({ Filters: [{ Name: 'tag:part', Values: ['few'] }] }),
    ),
    'page of 1,000': await time(CALLS, () => describe({ MaxResults: 1_000 })),
    'page with its XML': await time(CALLS, async () => {
      const operation = ec2Model().findOperation('DescribeInstances')!;
      const output = await describe({ MaxResults: 1_000 });
      // As bytes: a text is put together when they are asked for.
      Buffer.from(renderEc2Response(operation, output, { requestId: 'b', version: '2016-11-15' }));
    }),
    RunInstances: await time(CALLS, () => fleet.launch()),
    CreateTags: await time(CALLS, (call) =>
      fleet.call('CreateTags', {
        Resources: [pick(call)],
        Tags: [{ Key: 'call', Value: String(call) }],
      }),
    ),
  };
}

/** Milliseconds of each call; the first is not counted: it prepares statements. */
async function time(calls: number, work: (call: number) => Promise<unknown>): Promise<number[]> {
  const times: number[] = [];
  for (let call = 0; call <= calls; call++) {
    const startedMs = systemClock.monotonicMs();
    await work(call);
    if (call > 0) times.push(systemClock.monotonicMs() - startedMs);
  }
  return times;
}

class Fleet implements AsyncDisposable {
  readonly #dataDir: string;
  readonly #cloud: Cloud;
  readonly #cluster: ClusterDouble;
  readonly #db: Kysely<Schema>;
  #image = '';

  private constructor(
    dataDir: string,
    parts: { cloud: Cloud; cluster: ClusterDouble; db: Kysely<Schema> },
  ) {
    this.#dataDir = dataDir;
    this.#cloud = parts.cloud;
    this.#cluster = parts.cluster;
    this.#db = parts.db;
  }

  static async start(size: number): Promise<Fleet> {
    const dataDir = await mkdtemp(join(tmpdir(), 'ironbark-bench-'));
    const nodes = Array.from({ length: Math.ceil(size / PER_NODE) + 1 }, (_, index) =>
      doubleNode(`node-${index}`, { vcpus: 256, memoryMib: 2 ** 20 }),
    );
    const cluster = new ClusterDouble({ nodes });
    let db: Kysely<Schema> | undefined;
    const objects = new ObjectsDouble();
    const cloud = await startCloud({
      dataDir,
      clock: systemClock,
      random: seededRandom(size),
      logger: silentLogger,
      region: 'us-east-1',
      zone: 'us-east-1a',
      vpcCidr: '10.0.0.0/8',
      cluster,
      storage: new StorageDouble({ totalBytes: 2 ** 50 }),
      objects,
      openDatabase: async (wanted) => {
        const database = await openSqlite(wanted);
        db = database.query.withPlugin(new CamelCasePlugin()) as unknown as Kysely<Schema>;
        return database as never;
      },
    });
    const fleet = new Fleet(dataDir, { cloud, cluster, db: db! });
    await fleet.#register(objects);
    return fleet;
  }

  async #register(objects: ObjectsDouble): Promise<void> {
    const ImageLocation = await putPretendImage(objects, 'tiny');
    const { ImageId } = await this.call('RegisterImage', { Name: 'tiny', ImageLocation });
    this.#image = ImageId!;
  }

  launch(): Promise<Ec2Output<'RunInstances'>> {
    return this.call('RunInstances', {
      ImageId: this.#image as `ami-${string}`,
      InstanceType: 't3.nano',
      MinCount: 1,
      MaxCount: 1,
    });
  }

  /** One instance is launched, and the others are copies of its rows. */
  async fill(size: number): Promise<string[]> {
    const { Instances } = await this.launch();
    await this.#settle(Instances![0]!.InstanceId! as `i-${string}`);
    const model = await this.#db.selectFrom('instance').selectAll().executeTakeFirstOrThrow();
    const face = await this.#db
      .selectFrom('networkInterface')
      .selectAll()
      .executeTakeFirstOrThrow();
    const ids = Array.from({ length: size }, (_, index) => `i-${idOf(index)}` as const);
    for (let from = 0; from < size; from += ROWS_AT_ONCE) {
      const some = ids.slice(from, from + ROWS_AT_ONCE);
      const number = (offset: number) => from + offset;
      await this.#db
        .insertInto('instance')
        .values(
          some.map((id, offset) => ({
            ...model,
            id,
            reservationId: `r-${idOf(number(offset))}` as const,
            subnetId: subnetOf(number(offset)),
            nodeId: `node-${Math.floor(number(offset) / PER_NODE)}` as const,
            createdAt: model.createdAt + number(offset),
          })),
        )
        .execute();
      await this.#db
        .insertInto('networkInterface')
        .values(
          some.map((instanceId, offset) => ({
            ...face,
            instanceId,
            id: `eni-${idOf(number(offset))}` as const,
            subnetId: subnetOf(number(offset)),
            privateIp: `copy ${number(offset)}`,
            macAddress: `copy ${number(offset)}`,
          })),
        )
        .execute();
      await this.#db
        .insertInto('tag')
        .values(
          some.map((resourceId, offset) => ({
            resourceId,
            accountId: model.accountId,
            resourceType: 'instance',
            key: 'part',
            value: number(offset) < TAGGED ? 'few' : `many ${number(offset)}`,
          })),
        )
        .execute();
    }
    await this.#db.updateTable('nodeUse').set({ isStale: 1 }).execute();
    return ids;
  }

  async #settle(id: `i-${string}`): Promise<void> {
    await waitFor(
      async () => {
        this.#cluster.step();
        const { Reservations } = await this.call('DescribeInstances', { InstanceIds: [id] });
        return Reservations![0]!.Instances![0]!.State!.Name === 'running';
      },
      { clock: systemClock, timeoutMs: 20_000, intervalMs: 5, what: `${id} running` },
    );
  }

  async call<Name extends Ec2Action>(
    action: Name,
    input: Partial<Ec2Input<Name>>,
  ): Promise<Ec2Output<Name>> {
    const { principal } = await this.#cloud.adminKey();
    const { accountId } = principal;
    const context = { requestId: 'b', principal, accountId, region: 'us-east-1', dryRun: false };
    return (await this.#cloud.ec2.call(action, context, input)) as Ec2Output<Name>;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#cloud[Symbol.asyncDispose]();
    await rm(this.#dataDir, { recursive: true, force: true });
  }
}

/** As many as a default subnet has addresses. */
const PER_SUBNET = 4_000;

function subnetOf(index: number): `subnet-${string}` {
  return `subnet-${idOf(Math.floor(index / PER_SUBNET))}`;
}

function idOf(index: number): string {
  return index.toString(16).padStart(17, '0');
}
