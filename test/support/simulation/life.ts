// Owns what a scenario of a simulated cloud is written in: calls, waits for what should come, and what befalls hosts.

import { isServiceError } from '@ironbark/core/errors.ts';
import type { InstanceId, NodeId } from '@ironbark/core/ids.ts';
import type { Ec2Action, Ec2Input, Ec2Output } from '@ironbark/protocol/ec2/types.ts';
import type { ClusterClient } from '@ironbark/protocol/internal/cluster-client.ts';
import type { StorageClient } from '@ironbark/protocol/internal/storage-client.ts';
import { type Found, lookAround } from './found.ts';
import { TransportError } from './messages.ts';
import { callApi, finish, registerImage, untilAvailable } from './registered-image.ts';
import { SimulatedProcess } from './simulated-process.ts';
import { guestPath, REGION, type World } from './world.ts';

const LIMIT_MS = 5 * 60_000;
const LOOK_EVERY_MS = 250;

export class Life {
  readonly world: World;
  readonly cluster: ClusterClient;
  readonly storage: StorageClient;
  imageId = '';

  constructor(world: World) {
    this.world = world;
    const outsider = new SimulatedProcess(world.simulation, 'outsider');
    const limits = { timeoutMs: 10_000 };
    this.cluster = world.messages.connect<ClusterClient>(outsider, 'cluster', limits);
    this.storage = world.messages.connect<StorageClient>(outsider, 'storage', limits);
  }

  async begin(): Promise<void> {
    this.world.startAll();
    await this.world.simulation.run(3_500);
    this.imageId = await registerImage(this.world);
  }

  get node(): NodeId {
    return this.world.nodeIds[0]!;
  }

  call<Name extends Ec2Action>(
    action: Name,
    input: Partial<Ec2Input<Name>>,
  ): Promise<Ec2Output<Name>> {
    return callApi(this.world, action, input);
  }

  /** Asks a controller directly, again when the answer was lost. */
  async tell(ask: () => Promise<unknown>): Promise<void> {
    for (;;) {
      try {
        await finish(this.world, ask());
        return;
      } catch (error) {
        if (!(error instanceof TransportError)) throw error;
        await this.pass(500);
      }
    }
  }

  async pass(ms: number): Promise<void> {
    await this.world.simulation.run(this.world.simulation.nowMs + ms);
  }

  async until(what: string, isSo: (found: Found) => boolean): Promise<void> {
    const untilMs = this.world.simulation.nowMs + LIMIT_MS;
    for (;;) {
      if (isSo(await lookAround(this.world))) return;
      if (this.world.simulation.nowMs >= untilMs) throw new Error(`it never came that ${what}`);
      await this.pass(LOOK_EVERY_MS);
    }
  }

  async launch(input: Partial<Ec2Input<'RunInstances'>> = {}): Promise<InstanceId> {
    const { Instances } = await this.call('RunInstances', {
      ImageId: this.imageId,
      InstanceType: 't3.nano',
      MinCount: 1,
      MaxCount: 1,
      ClientToken: `launch-${this.world.simulation.nowMs}`,
      ...input,
    });
    return Instances![0]!.InstanceId as InstanceId;
  }

  /** As users see it, which is when the cloud has written it down. */
  untilPower(id: InstanceId, power: string): Promise<void> {
    return this.until(`${id} is ${power}`, ({ rows }) =>
      rows.instance.some(
        (row) =>
          row['id'] === id &&
          row['desired_power'] === power &&
          row['observed_power'] === power &&
          row['observed_generation'] === row['generation'],
      ),
    );
  }

  async power(
    action: 'StartInstances' | 'StopInstances',
    id: InstanceId,
    power: string,
  ): Promise<void> {
    await this.call(action, { InstanceIds: [id] });
    await this.untilPower(id, power);
  }

  async terminate(...ids: InstanceId[]): Promise<void> {
    if (ids.length > 0) await this.call('TerminateInstances', { InstanceIds: ids });
  }

  async createVolume(input: Partial<Ec2Input<'CreateVolume'>> = {}): Promise<string> {
    const wish = { AvailabilityZone: `${REGION}a`, Size: 1, ...input };
    const ClientToken = `volume-${this.world.simulation.nowMs}`;
    const { VolumeId } = await this.call('CreateVolume', { ...wish, ClientToken });
    await this.untilVolume(VolumeId!, ['ready', 'failed']);
    return VolumeId!;
  }

  untilVolume(id: string, states: readonly string[]): Promise<void> {
    return this.until(`${id} is ${states.join(' or ')}`, ({ rows }) =>
      rows.volume.some((row) => row['id'] === id && states.includes(String(row['observed_state']))),
    );
  }

  async attach(volume: string, instance: InstanceId, device = '/dev/sdf'): Promise<void> {
    const wish = { VolumeId: volume, InstanceId: instance, Device: device };
    await this.call('AttachVolume', wish).catch(unless('in-use'));
    await this.until(`${volume} is attached`, ({ rows }) =>
      rows.attachment.some(
        (row) =>
          row['volume_id'] === volume &&
          row['instance_id'] === instance &&
          row['observed'] === 'attached',
      ),
    );
  }

  async detach(volume: string): Promise<void> {
    await this.call('DetachVolume', { VolumeId: volume }).catch(unless('incorrect-state'));
    await this.until(
      `${volume} is detached`,
      ({ rows }) => !rows.attachment.some((row) => row['volume_id'] === volume),
    );
  }

  /** Of a volume that other instances have too. */
  async detachFrom(volume: string, instance: InstanceId, Force = false): Promise<void> {
    const wish = { VolumeId: volume, InstanceId: instance, Force };
    await this.call('DetachVolume', wish).catch(unless('incorrect-state', 'not-attached'));
    const isIt = (row: Record<string, unknown>) =>
      row['volume_id'] === volume && row['instance_id'] === instance;
    await this.until(
      `${volume} is detached from ${instance}`,
      ({ rows }) => !rows.attachment.some(isIt),
    );
  }

  async deleteVolume(id: string): Promise<void> {
    await this.call('DeleteVolume', { VolumeId: id }).catch(unless('not-found'));
  }

  async snapshot(volume: string): Promise<string> {
    return (await this.call('CreateSnapshot', { VolumeId: volume })).SnapshotId!;
  }

  /** Of all its volumes. */
  async snapshots(instance: InstanceId): Promise<string[]> {
    const wish = { InstanceSpecification: { InstanceId: instance } };
    return (await this.call('CreateSnapshots', wish)).Snapshots!.map((one) => one.SnapshotId!);
  }

  /** Answers the image and its first snapshot once it can be launched. */
  async createImage(instance: InstanceId, name: string) {
    // Its instance is on its way down when the call is repeated.
    await this.call('CreateImage', { InstanceId: instance, Name: name }).catch(
      unless('incorrect-state', 'duplicate'),
    );
    return untilAvailable(this.world, name);
  }

  async deregister(id: string): Promise<void> {
    await this.call('DeregisterImage', { ImageId: id }).catch(
      unless('not-found', 'incorrect-state'),
    );
  }

  async copySnapshot(id: string, how: { Encrypted?: boolean } = {}): Promise<string> {
    const wish = { SourceRegion: REGION, SourceSnapshotId: id, ...how };
    return (await this.call('CopySnapshot', wish)).SnapshotId!;
  }

  untilSnapshot(id: string, state: string): Promise<void> {
    return this.until(`${id} is ${state}`, ({ rows }) =>
      rows.snapshot.some((row) => row['id'] === id && row['observed_state'] === state),
    );
  }

  async deleteSnapshot(id: string): Promise<void> {
    await this.call('DeleteSnapshot', { SnapshotId: id }).catch(unless('not-found'));
  }

  /** The node's process is away while something happens to its guest. */
  async whileAway(change: () => void): Promise<void> {
    this.world.crash(this.node);
    change();
    await this.pass(2_000);
  }

  /** The guest's user shuts it down, or its hypervisor dies. */
  endGuest(id: InstanceId, how: 'shutdown' | 'crash'): Promise<void> {
    const path = guestPath(this.node, id);
    return this.whileAway(() => {
      const guest = JSON.parse(this.world.files.peek(path)!.toString()) as object;
      const off = JSON.stringify({ ...guest, power: 'off' });
      this.world.files.overwrite(path, how === 'shutdown' ? off : undefined);
    });
  }
}

/** The first try may have done it before its answer was lost. */
/** A call that was done although its answer was lost is refused when it is repeated. */
export function unless(...kinds: string[]): (error: unknown) => void {
  return (error) => {
    if (!isServiceError(error) || !kinds.includes(error.kind)) throw error;
  };
}
