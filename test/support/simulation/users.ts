// Owns the people of a simulated cloud: each does one thing after another with what is his own, insists on an answer,
// and tells the model what was acknowledged.

import { isServiceError } from '@ironbark/core/errors.ts';
import type { Ec2Action, Ec2Input, Ec2Output } from '@ironbark/protocol/ec2/types.ts';
import { TransportError } from './messages.ts';
import type { PromisesModel } from './promises-model.ts';
import { SimulatedProcess } from './simulated-process.ts';
import { REGION, type World } from './world.ts';

export interface UserOptions {
  name: string;
  imageId: string;
  /** One whose root disks are volumes; absent: there is none. */
  ebsImageId?: string;
  /** Things to do, one after the other. */
  wishes: number;
  takesSnapshots: boolean;
  /** Lets go of everything in the end. */
  leaves: boolean;
  pauseMs: readonly [number, number];
}

/** Longer than a controller waits for another, so that nothing is under way when the user asks again. */
const PATIENCE_MS = 60_000;
const INSTANCES_AT_MOST = 6;
const VOLUMES_AT_MOST = 4;
const LARGEST_GIB = 5;
/** The least that a volume for several instances can have. */
const SHARED_GIB = 4;

interface Api {
  call(action: string, input: unknown): Promise<unknown>;
}

export class User {
  isDone = false;
  readonly #world: World;
  readonly #model: PromisesModel;
  readonly #options: UserOptions;
  readonly #process: SimulatedProcess;
  readonly #api: Api;
  readonly #instances: string[] = [];
  readonly #volumes: string[] = [];
  readonly #snapshots: string[] = [];
  #counter = 0;

  constructor(world: World, model: PromisesModel, options: UserOptions) {
    this.#world = world;
    this.#model = model;
    this.#options = options;
    this.#process = new SimulatedProcess(world.simulation, options.name);
    const limits = { timeoutMs: PATIENCE_MS, isNeverDoubled: true };
    this.#api = world.messages.connect<Api>(this.#process, 'cloud', limits);
  }

  start(): void {
    this.#live().then(
      () => {
        this.isDone = true;
      },
      (error: Error) => {
        this.isDone = true;
        this.#world.simulation.violate(`${this.#options.name}: ${error.stack ?? error.message}`);
      },
    );
  }

  async #live(): Promise<void> {
    const { wishes, pauseMs } = this.#options;
    for (let wish = 0; wish < wishes; wish++) {
      await this.#process.clock.sleep(this.#between(...pauseMs));
      await this.#doSomething();
    }
    if (this.#options.leaves) await this.#leave();
  }

  async #leave(): Promise<void> {
    for (const id of this.#instances.splice(0)) {
      const isGone = await this.#insist('TerminateInstances', { InstanceIds: [id] });
      if (isGone !== undefined) this.#model.power(id, 'terminated');
    }
    for (const id of [...this.#snapshots]) await this.#deleteSnapshot(id);
    while (this.#volumes.length > 0) {
      for (const id of [...this.#volumes]) await this.#deleteVolume(id);
      await this.#process.clock.sleep(2_000);
    }
  }

  async #doSomething(): Promise<void> {
    const instance = this.#pick(this.#instances);
    const volume = this.#pick(this.#volumes);
    const isFull = this.#instances.length >= INSTANCES_AT_MOST;
    const choice = this.#between(0, 100);
    if (instance === undefined || (choice < 20 && !isFull)) return this.#launch();
    if (choice < 32) return this.#setPower(instance, 'StopInstances', 'stopped');
    if (choice < 46) return this.#setPower(instance, 'StartInstances', 'running');
    if (choice < 52) return this.#reboot(instance);
    if (choice < 62) return this.#terminate(instance);
    if (volume === undefined || (choice < 70 && this.#volumes.length < VOLUMES_AT_MOST)) {
      return this.#createVolume();
    }
    if (choice < 80) return this.#attach(volume, instance);
    if (choice < 84) return this.#grow(volume);
    if (choice < 92) return this.#detach(volume);
    if (choice < 95 || !this.#options.takesSnapshots) return this.#deleteVolume(volume);
    const snapshot = this.#pick(this.#snapshots);
    if (snapshot === undefined) return this.#createSnapshot(volume);
    return this.#deleteSnapshot(snapshot);
  }

  async #launch(): Promise<void> {
    const ownVolumes = this.#between(0, 2);
    const { imageId, ebsImageId } = this.#options;
    const isEbsBacked = ebsImageId !== undefined && this.#between(0, 2) === 1;
    const answer = await this.#insist('RunInstances', {
      ImageId: isEbsBacked ? ebsImageId : imageId,
      InstanceType: 't3.nano',
      MinCount: 1,
      MaxCount: this.#between(1, 3),
      ClientToken: this.#nextName(),
      BlockDeviceMappings: Array.from({ length: ownVolumes }, (_, at) => ({
        DeviceName: `/dev/sd${'pqr'[at]}`,
        Ebs: { VolumeSize: 1, DeleteOnTermination: true },
      })),
    });
    const ids = (answer?.Instances ?? []).map((instance) => instance.InstanceId!);
    this.#model.launch(ids, ownVolumes + (isEbsBacked ? 1 : 0));
    this.#instances.push(...ids);
  }

  async #setPower(
    id: string,
    action: 'StartInstances' | 'StopInstances',
    power: 'running' | 'stopped',
  ): Promise<void> {
    const answer = await this.#insist(action, { InstanceIds: [id] });
    if (answer !== undefined) this.#model.power(id, power);
  }

  async #reboot(id: string): Promise<void> {
    await this.#insist('RebootInstances', { InstanceIds: [id] });
  }

  async #terminate(id: string): Promise<void> {
    const answer = await this.#insist('TerminateInstances', { InstanceIds: [id] });
    if (answer === undefined) return;
    this.#model.power(id, 'terminated');
    remove(this.#instances, id);
  }

  async #createVolume(): Promise<void> {
    const isShared = this.#between(0, 3) === 0;
    const sizeGib = isShared ? SHARED_GIB : 1;
    const answer = await this.#insist('CreateVolume', {
      AvailabilityZone: `${REGION}a`,
      Size: sizeGib,
      ClientToken: this.#nextName(),
      ...(isShared ? { VolumeType: 'io2', Iops: 100, MultiAttachEnabled: true } : {}),
    });
    if (answer === undefined) return;
    this.#model.volumes.set(answer.VolumeId!, { sizeGib, isShared, attachedTo: new Set() });
    this.#volumes.push(answer.VolumeId!);
  }

  async #grow(id: string): Promise<void> {
    const promised = this.#model.volumes.get(id)!;
    const Size = promised.sizeGib + 1;
    if (Size > LARGEST_GIB) return;
    const answer = await this.#insist('ModifyVolume', { VolumeId: id, Size });
    const isDone = answer !== undefined || (this.#tries > 1 && (await this.#sizeOf(id)) === Size);
    if (isDone) promised.sizeGib = Size;
  }

  async #sizeOf(volume: string): Promise<number | undefined> {
    const answer = await this.#insist('DescribeVolumes', { VolumeIds: [volume] });
    return answer?.Volumes?.[0]?.Size;
  }

  async #deleteVolume(id: string): Promise<void> {
    const answer = await this.#insist('DeleteVolume', { VolumeId: id });
    // The answer to the first try may have been lost.
    if (answer === undefined && this.#refusal !== 'not-found') return;
    this.#model.volumes.delete(id);
    remove(this.#volumes, id);
  }

  async #attach(volume: string, instance: string): Promise<void> {
    const Device = `/dev/sd${'fghijk'[this.#between(0, 6)]}`;
    const wish = { VolumeId: volume, InstanceId: instance, Device };
    const answer = await this.#insist('AttachVolume', wish);
    const isMine =
      answer !== undefined || (this.#tries > 1 && (await this.#isAt(volume, instance)));
    if (isMine) this.#model.volumes.get(volume)!.attachedTo.add(instance);
  }

  async #detach(volume: string): Promise<void> {
    const { isShared, attachedTo } = this.#model.volumes.get(volume)!;
    // Any instance, also one that does not have it.
    const instance = this.#pick([...attachedTo, ...this.#instances]);
    const from = isShared && instance !== undefined ? { InstanceId: instance } : {};
    const answer = await this.#insist('DetachVolume', { VolumeId: volume, ...from });
    const isDone = answer !== undefined || this.#tries > 1;
    if (!isDone) return;
    const left = answer === undefined ? await this.#holdersOf(volume) : undefined;
    for (const id of isShared ? [instance!] : [...attachedTo]) {
      if (left?.includes(id) !== true) attachedTo.delete(id);
    }
  }

  async #isAt(volume: string, instance: string): Promise<boolean> {
    return (await this.#holdersOf(volume)).includes(instance);
  }

  async #holdersOf(volume: string): Promise<string[]> {
    const answer = await this.#insist('DescribeVolumes', { VolumeIds: [volume] });
    const attachments = answer?.Volumes?.[0]?.Attachments ?? [];
    return attachments.map(({ InstanceId }) => InstanceId!);
  }

  async #createSnapshot(volume: string): Promise<void> {
    const Description = this.#nextName();
    const answer = await this.#insist('CreateSnapshot', { VolumeId: volume, Description });
    if (this.#tries > 1) this.#model.unsureSnapshots.add(Description);
    if (answer === undefined) return;
    this.#model.snapshots.add(answer.SnapshotId!);
    this.#snapshots.push(answer.SnapshotId!);
  }

  async #deleteSnapshot(id: string): Promise<void> {
    const answer = await this.#insist('DeleteSnapshot', { SnapshotId: id });
    if (answer === undefined && this.#refusal !== 'not-found') return;
    this.#model.snapshots.delete(id);
    remove(this.#snapshots, id);
  }

  /** How often the last call was made, and why it was refused. */
  #tries = 0;
  #refusal: string | undefined;

  /** Repeats the call until there is an answer; undefined when it is refused. */
  async #insist<Name extends Ec2Action>(
    action: Name,
    input: Partial<Ec2Input<Name>>,
  ): Promise<Ec2Output<Name> | undefined> {
    this.#refusal = undefined;
    for (this.#tries = 1; ; this.#tries++) {
      try {
        const answer = await this.#api.call(action, input);
        this.#model.acknowledged += 1;
        // An action without an output is acknowledged all the same.
        return (answer ?? {}) as Ec2Output<Name>;
      } catch (error) {
        if (isServiceError(error)) {
          this.#refusal = error.kind;
          return undefined;
        }
        const isNetwork = error instanceof TransportError;
        if (!isNetwork) throw error;
        await this.#process.clock.sleep(this.#between(500, 3_000));
      }
    }
  }

  #nextName(): string {
    return `${this.#options.name}-${this.#counter++}`;
  }

  #between(least: number, most: number): number {
    return least + Math.floor(this.#process.random.fraction() * (most - least));
  }

  #pick<Item>(items: readonly Item[]): Item | undefined {
    return items[this.#between(0, items.length)];
  }
}

function remove(items: string[], item: string): void {
  const at = items.indexOf(item);
  if (at >= 0) items.splice(at, 1);
}
