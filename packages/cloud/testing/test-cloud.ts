// Owns a whole Cloud Controller over doubles, for tests that go through its actions.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Accelerator } from '@ironbark/core/tenancy.ts';
import { GIB } from '@ironbark/core/units.ts';
import type { Clock } from '@ironbark/platform/clock.ts';
import { systemClock, waitFor } from '@ironbark/platform/clock.ts';
import { silentLogger } from '@ironbark/platform/logger.ts';
import { seededRandom } from '@ironbark/platform/random.ts';
import type { AroundStep } from '@ironbark/platform/reconciler.ts';
import { encodeEc2Request } from '@ironbark/protocol/ec2/encode-request.ts';
import { parseEc2Response } from '@ironbark/protocol/ec2/parse-response.ts';
import { renderEc2Response } from '@ironbark/protocol/ec2/render-response.ts';
import type { Ec2Action, Ec2Input, Ec2Output } from '@ironbark/protocol/ec2/types.ts';
import type { AuditReader } from '@ironbark/protocol/internal/audit-reader.ts';
import type { Principal } from '@ironbark/protocol/internal/identity-client.ts';
import type { BackendReport } from '@ironbark/protocol/internal/storage-client.ts';
import { ClusterDouble, doubleNode } from '@ironbark/protocol/internal/testing/cluster-double.ts';
import { ObjectsDouble } from '@ironbark/protocol/internal/testing/objects-double.ts';
import { putPretendImage } from '@ironbark/protocol/internal/testing/pretend-image.ts';
import { StorageDouble } from '@ironbark/protocol/internal/testing/storage-double.ts';
import { decodeEc2Request } from '@ironbark/protocol/testing/decode-ec2-request.ts';
import { type Cloud, startCloud } from '../main.ts';

export interface TestCloudOptions {
  seed?: number;
  clock?: Clock;
  failAt?: (step: string) => void;
  failStart?: (id: string) => boolean;
  failVolume?: (id: string) => boolean;
  failGrowth?: (intent: { sizeBytes: number }) => boolean;
  /** How many; one when absent. */
  nodes?: number;
  memoryMib?: number;
  storageBytes?: number;
  /** Of the storage, besides files. */
  backends?: BackendReport[];
  vcpus?: number;
  accelerator?: Accelerator;
  allowSharedEmulation?: boolean;
  audit?: AuditReader;
  aroundStep?: AroundStep;
  /** Puts into the folder what is to be found there. */
  prepare?: (dataDir: string) => Promise<void>;
}

const NODE_IDS = ['node-a', 'node-b', 'node-c'] as const;

export class TestCloud implements AsyncDisposable {
  readonly dataDir: string;
  #options: TestCloudOptions;
  readonly cluster: ClusterDouble;
  readonly storage: StorageDouble;
  readonly objects = new ObjectsDouble();
  cloud!: Cloud;

  static async start(options: TestCloudOptions = {}): Promise<TestCloud> {
    const dataDir = await mkdtemp(join(tmpdir(), 'ironbark-cloud-'));
    await options.prepare?.(dataDir);
    const test = new TestCloud(dataDir, options);
    await test.#start();
    return test;
  }

  private constructor(dataDir: string, options: TestCloudOptions) {
    this.dataDir = dataDir;
    this.#options = options;
    const capacity = { memoryMib: options.memoryMib ?? 65_536, vcpus: options.vcpus ?? 64 };
    this.cluster = new ClusterDouble({
      nodes: NODE_IDS.slice(0, options.nodes ?? 1).map((id) =>
        doubleNode(id, capacity, options.accelerator),
      ),
      ...(options.failAt === undefined ? {} : { failAt: options.failAt }),
      ...(options.failStart === undefined ? {} : { failStart: options.failStart }),
    });
    this.storage = new StorageDouble({
      totalBytes: options.storageBytes ?? 1024 * GIB,
      ...(options.backends === undefined ? {} : { backends: options.backends }),
      checkUnexport: (...opening) => {
        const [id] = opening;
        if (this.cluster.hasOpen(...opening))
          throw new Error(`${id} was taken from a running guest`);
      },
      ...(options.failAt === undefined ? {} : { failAt: options.failAt }),
      ...(options.failVolume === undefined ? {} : { failVolume: options.failVolume }),
      ...(options.failGrowth === undefined ? {} : { failGrowth: options.failGrowth }),
    });
  }

  async #start(): Promise<void> {
    this.cloud = await startCloud({
      dataDir: this.dataDir,
      clock: this.#options.clock ?? systemClock,
      random: seededRandom(this.#options.seed ?? 1),
      logger: silentLogger,
      region: 'us-east-1',
      zone: 'us-east-1a',
      vpcCidr: '172.31.0.0/16',
      allowSharedEmulation: this.#options.allowSharedEmulation ?? false,
      cluster: this.cluster,
      storage: this.storage,
      objects: this.objects,
      ...(this.#options.aroundStep === undefined ? {} : { aroundStep: this.#options.aroundStep }),
      ...(this.#options.audit === undefined ? {} : { audit: this.#options.audit }),
    });
  }

  /** Stops the controller where it is and starts it again on the same data. */
  async restart(changed: TestCloudOptions = {}): Promise<void> {
    this.#options = { ...this.#options, ...changed };
    await this.cloud[Symbol.asyncDispose]();
    await this.#start();
  }

  /** An action by way of the wire: what the model does not have is lost here as it is there. */
  async call<Name extends Ec2Action>(
    action: Name,
    input: Partial<Ec2Input<Name>>,
    dryRun = false,
  ): Promise<Ec2Output<Name>> {
    return this.callAs((await this.cloud.adminKey()).principal, action, input, dryRun);
  }

  /** The root of a new account. */
  async addAccount(name: string): Promise<Principal> {
    const { accountId, arn } = await this.cloud.accounts.addAccount({ name });
    return { accountId, arn, userId: accountId, isRoot: true };
  }

  async callAs<Name extends Ec2Action>(
    principal: Principal,
    action: Name,
    input: Partial<Ec2Input<Name>>,
    dryRun = false,
  ): Promise<Ec2Output<Name>> {
    const { accountId } = principal;
    const context = { requestId: 'test', principal, accountId, region: 'us-east-1', dryRun };
    const request = decodeEc2Request(encodeEc2Request(action, input));
    const output = await this.cloud.ec2.call(action, context, request.input);
    const { operation, version } = request;
    const xml = renderEc2Response(operation, output, { requestId: 'test', version });
    return parseEc2Response(action, xml) as unknown as Ec2Output<Name>;
  }

  /** Lets the zone and the storage take steps until the condition holds. */
  async settle(
    what: string,
    condition: () => Promise<boolean> | boolean = () => true,
  ): Promise<void> {
    await waitFor(
      async () => {
        this.cluster.step();
        this.storage.step();
        return this.cloud.isQuiet() && (await condition());
      },
      { clock: systemClock, timeoutMs: 20_000, intervalMs: 2, what },
    );
  }

  registerImage(): Promise<string> {
    return this.#registerImage('tiny', 64);
  }

  /** An image that asks for so much memory. */
  registerImageNeeding(minMemoryMib: number): Promise<string> {
    return this.#registerImage(`needs-${minMemoryMib}`, minMemoryMib);
  }

  async #registerImage(name: string, minMemoryMib: number): Promise<string> {
    const ImageLocation = await putPretendImage(this.objects, name, { minMemoryMib });
    const { ImageId } = await this.call('RegisterImage', { Name: name, ImageLocation });
    return ImageId!;
  }

  async launch(imageId: string, input: Partial<Ec2Input<'RunInstances'>> = {}): Promise<string[]> {
    const { Instances } = await this.call('RunInstances', {
      ImageId: imageId,
      InstanceType: 't3.micro',
      MinCount: 1,
      MaxCount: 1,
      ...input,
    });
    return Instances!.map((instance) => instance.InstanceId!);
  }

  async describe(id: string) {
    const { Reservations } = await this.call('DescribeInstances', { InstanceIds: [id] });
    return Reservations![0]!.Instances![0]!;
  }

  async settleState(id: string, state: string): Promise<void> {
    await this.settle(
      `${id} ${state}`,
      async () => (await this.describe(id)).State?.Name === state,
    );
  }

  async describeVolume(id: string) {
    const { Volumes } = await this.call('DescribeVolumes', { VolumeIds: [id] });
    return Volumes![0]!;
  }

  async settleVolume(id: string, state: string): Promise<void> {
    await this.settle(
      `${id} ${state}`,
      async () => (await this.describeVolume(id)).State === state,
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.cloud[Symbol.asyncDispose]();
    await rm(this.dataDir, { recursive: true, force: true });
  }
}
