// Owns a Cloud Controller with CloudWatch's endpoint over doubles, whose volumes' counters and minutes a test turns on.

import { CloudWatchClient, type CloudWatchClientConfig } from '@aws-sdk/client-cloudwatch';
import { createCloudwatchHandler } from '@ironbark/cloud/http/cloudwatch-endpoint.ts';
import { TestCloud } from '@ironbark/cloud/testing/test-cloud.ts';
import type { InstanceId, VolumeId } from '@ironbark/core/ids.ts';
import type { DiskCounters } from '@ironbark/core/volume-figures.ts';
import { systemClock, waitFor } from '@ironbark/platform/clock.ts';
import { listen } from '@ironbark/platform/http/server.ts';
import { silentLogger } from '@ironbark/platform/logger.ts';
import { seededRandom } from '@ironbark/platform/random.ts';
import { JumpingClock } from './jumping-clock.ts';

export const REGION = 'us-east-1';
const MINUTE_MS = 60_000;
/** The two clocks of a host tick apart. */
const INTO_MINUTE_MS = 100;

export interface AttachedVolume {
  volumeId: VolumeId;
  instanceId: InstanceId;
}

export interface Key {
  accessKeyId: string;
  secretAccessKey: string;
}

export class MetricLab implements AsyncDisposable {
  readonly clock: JumpingClock;
  readonly cloud: TestCloud;
  readonly endpoint: string;
  readonly #work = new Map<VolumeId, { instanceId: InstanceId; counters: DiskCounters }>();
  readonly #stack: AsyncDisposableStack;
  #rounds = 0;
  #image: string | undefined;
  /** The node is away: nothing can be read. */
  isAway = false;

  static async start(): Promise<MetricLab> {
    await using stack = new AsyncDisposableStack();
    const clock = new JumpingClock();
    const cloud = stack.use(await TestCloud.start({ clock }));
    const listener = stack.use(
      await listen({
        address: { host: '127.0.0.1', port: 0 },
        logger: silentLogger,
        handler: async (request, response) =>
          await createCloudwatchHandler({
            cloudwatch: cloud.cloud.cloudwatch,
            identity: cloud.cloud.identity,
            region: REGION,
            // Clients sign with the host's time.
            clock: systemClock,
            random: seededRandom(1),
            logger: silentLogger,
          })(request, response),
      }),
    );
    return new MetricLab({ clock, cloud, port: listener.port, stack: stack.move() });
  }

  private constructor(parts: {
    clock: JumpingClock;
    cloud: TestCloud;
    port: number;
    stack: AsyncDisposableStack;
  }) {
    this.clock = parts.clock;
    this.cloud = parts.cloud;
    this.endpoint = `http://127.0.0.1:${parts.port}`;
    this.#stack = parts.stack;
    this.cloud.cluster.readVolumesNow = () => this.#read();
  }

  /** AWS's own client, for a key of this cloud. */
  connect({ accessKeyId, secretAccessKey }: Key, config: CloudWatchClientConfig = {}) {
    return new CloudWatchClient({
      endpoint: this.endpoint,
      region: REGION,
      credentials: { accessKeyId, secretAccessKey },
      maxAttempts: 1,
      ...config,
    });
  }

  async attachVolume(wish: { VolumeType?: 'gp3' | 'io2'; Iops?: number }): Promise<AttachedVolume> {
    this.#image ??= await this.cloud.registerImage();
    const [instanceId] = await this.cloud.launch(this.#image);
    await this.cloud.settleState(instanceId!, 'running');
    const zone = { AvailabilityZone: `${REGION}a`, Size: 10 };
    const { VolumeId } = await this.cloud.call('CreateVolume', { ...zone, ...wish });
    await this.cloud.settleVolume(VolumeId!, 'available');
    const attachment = { VolumeId: VolumeId!, InstanceId: instanceId!, Device: '/dev/sdf' };
    await this.cloud.call('AttachVolume', attachment);
    await this.cloud.settle('attached', async () => {
      const { Attachments } = await this.cloud.describeVolume(VolumeId!);
      return Attachments?.[0]?.State === 'attached';
    });
    const ids = { volumeId: VolumeId as VolumeId, instanceId: instanceId as InstanceId };
    const counters = { readOps: 0, writeOps: 0, readBytes: 0, writeBytes: 0 };
    const times = { readNs: 0, writeNs: 0 };
    this.#work.set(ids.volumeId, { ...ids, counters: { ...counters, ...times } });
    return ids;
  }

  /** So much of each way, in requests of this size, each of 10 ms. */
  work({ volumeId }: AttachedVolume, work: { reads: number; writes: number; bytes: number }): void {
    const { counters } = this.#work.get(volumeId)!;
    counters.readOps += work.reads;
    counters.writeOps += work.writes;
    counters.readBytes += work.reads * work.bytes;
    counters.writeBytes += work.writes * work.bytes;
    counters.readNs += work.reads * 1e7;
    counters.writeNs += work.writes * 1e7;
  }

  /** Goes to the next full minute; gives it once the volumes were sampled. */
  async nextMinute(): Promise<Date> {
    const rounds = this.#rounds;
    this.clock.pass(MINUTE_MS - (this.clock.nowMs() % MINUTE_MS) + INTO_MINUTE_MS);
    const minute = new Date(Math.floor(this.clock.nowMs() / MINUTE_MS) * MINUTE_MS);
    await waitFor(() => this.#rounds > rounds && this.cloud.cloud.isQuiet(), {
      clock: systemClock,
      timeoutMs: 20_000,
      intervalMs: 2,
      what: 'the volumes are sampled',
    });
    return minute;
  }

  async adminKey(): Promise<Key> {
    return await this.cloud.cloud.adminKey();
  }

  #read() {
    this.#rounds += 1;
    if (this.isAway) return [];
    const readAtMs = this.clock.monotonicMs();
    return [...this.#work].map(([volumeId, { instanceId, counters }]) => {
      return { volumeId, instanceId, countedSince: 'start', readAtMs, counters: { ...counters } };
    });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#stack.disposeAsync();
  }
}
