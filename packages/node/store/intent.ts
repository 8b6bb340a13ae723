// Owns the node's whole intent on its own disk: what it runs from when no controller is there.

import { join } from 'node:path';
import type { InstanceId, NodeId } from '@ironbark/core/ids.ts';
import { readKeptFile, removeUnfinished, replaceFile } from '@ironbark/platform/files.ts';
import type {
  InstanceIntent,
  NodeIntent,
  SubnetIntent,
} from '@ironbark/protocol/internal/instance-messages.ts';
import type { VpcIntent } from '@ironbark/protocol/internal/network-messages.ts';
import { type VpcVersion, wholeVpcs } from '@ironbark/protocol/internal/vpc-changes.ts';
import { findApart } from '@ironbark/protocol/internal/vpc-subnets.ts';

import { type IntentChange, IntentJournal, type StoredIntent } from './intent-journal.ts';

const EMPTY: StoredIntent = { generation: 0, subnets: [], instances: [] };

export class IntentStore {
  readonly #path: string;
  readonly #journal: IntentJournal;
  readonly #nodeId: NodeId;
  #generation = 0;
  #isKept = true;
  #subnets: SubnetIntent[] = [];
  #vpcs: VpcIntent[] = [];
  #vpcVersions: readonly VpcVersion[] = [];
  #instances = new Map<InstanceId, InstanceIntent>();
  #byAddress = new Map<string, InstanceIntent>();
  #writing: Promise<unknown> = Promise.resolve();

  private constructor(dataDir: string, nodeId: NodeId) {
    this.#path = join(dataDir, 'intent.json');
    this.#journal = new IntentJournal(join(dataDir, 'intent-changes.jsonl'));
    this.#nodeId = nodeId;
  }

  static async open(dataDir: string, nodeId: NodeId): Promise<IntentStore> {
    const store = new IntentStore(dataDir, nodeId);
    await removeUnfinished(store.#path);
    const bytes = await readKeptFile(store.#path);
    const whole = bytes === undefined ? EMPTY : (JSON.parse(bytes.toString()) as StoredIntent);
    store.#take(await store.#journal.replay(whole, bytes?.length ?? 0));
    return store;
  }

  get generation(): number {
    return this.#generation;
  }

  /** It is of before this process began: since then the controller has not spoken, and may have changed its mind. */
  get isKept(): boolean {
    return this.#isKept;
  }

  get subnets(): readonly SubnetIntent[] {
    return this.#subnets;
  }

  get vpcs(): readonly VpcIntent[] {
    return this.#vpcs;
  }

  instances(): InstanceIntent[] {
    return [...this.#instances.values()];
  }

  find(id: InstanceId): InstanceIntent | undefined {
    return this.#instances.get(id);
  }

  /** Targets on this host that guests have open. */
  targets(): { socketPath: string; sizeBytes: number }[] {
    return this.instances().flatMap((instance) => targetsOf(instance));
  }

  usersOf(socketPath: string): InstanceIntent[] {
    return this.instances().filter((instance) =>
      targetsOf(instance).some((target) => target.socketPath === socketPath),
    );
  }

  /**
   * The instance that may use this private address now: in the VPC, where that has a name space of its own, or among
   * those that the host routes.
   */
  findByAddress(ip: string, vpcId?: string): InstanceIntent | undefined {
    return this.#byAddress.get(addressKey(ip, vpcId));
  }

  /**
   * Takes a newer document and keeps it durably; false when the node's own is as new. `isEnded` tells which
   * instances have nothing left on the node.
   */
  put(intent: NodeIntent, isEnded: (id: InstanceId) => boolean): Promise<boolean> {
    const work = this.#writing.then(() => this.#put(intent, isEnded));
    this.#writing = work.catch(() => {});
    return work;
  }

  async #put(intent: NodeIntent, isEnded: (id: InstanceId) => boolean): Promise<boolean> {
    if (intent.nodeId !== this.#nodeId) {
      throw new Error(`an intent for ${intent.nodeId} reached ${this.#nodeId}`);
    }
    // The same once more says that it still holds.
    if (intent.generation === this.#generation) this.#isKept = false;
    if (intent.generation <= this.#generation) return false;
    const instances = mergeInstances(this.#instances, intent.instances, isEnded);
    const { generation, subnets } = intent;
    // One that was kept from another generation than the changes count from is asked for whole by the refusal.
    const vpcs = wholeVpcs({ vpcs: this.#vpcs, vpcVersions: this.#vpcVersions }, intent);
    const stored = { generation, subnets, ...vpcs, instances };
    if (!(await this.#journal.append(this.#changeTo(stored, intent)))) await this.#putWhole(stored);
    this.#take(stored);
    this.#isKept = false;
    return true;
  }

  async #putWhole(stored: StoredIntent): Promise<void> {
    const bytes = Buffer.from(JSON.stringify(stored));
    await replaceFile(this.#path, bytes);
    await this.#journal.clear(bytes.length);
  }

  #changeTo({ generation, subnets, instances }: StoredIntent, intent: NodeIntent): IntentChange {
    const { vpcs, vpcVersions = [], vpcChanges = [] } = intent;
    const isOther = (one: InstanceIntent) => !isSame(one, this.#instances.get(one.id));
    return {
      since: this.#generation,
      generation,
      ...(isSame(subnets, this.#subnets) ? {} : { subnets }),
      ...{ vpcs, vpcVersions, vpcChanges },
      ids: instances.map(({ id }) => id),
      instances: instances.filter(isOther),
    };
  }

  #take(stored: StoredIntent): void {
    this.#generation = stored.generation;
    this.#subnets = stored.subnets;
    this.#vpcs = stored.vpcs ?? [];
    this.#vpcVersions = stored.vpcVersions ?? [];
    const apart = new Set<string>(findApart(this.#vpcs, this.#subnets).map(({ id }) => id));
    this.#instances = new Map(stored.instances.map((instance) => [instance.id, instance]));
    const addresses = stored.instances
      .filter(({ power }) => power !== 'terminated')
      .flatMap((instance) => {
        const { vpcId } = instance.metadata;
        const place = apart.has(vpcId) ? vpcId : undefined;
        return instance.interfaces.map(
          ({ privateIp }) => [addressKey(privateIp, place), instance] as const,
        );
      });
    this.#byAddress = new Map(addresses);
  }
}

function isSame(one: unknown, other: unknown): boolean {
  return one === other || JSON.stringify(one) === JSON.stringify(other);
}

function addressKey(ip: string, vpcId: string | undefined): string {
  return `${vpcId ?? ''} ${ip}`;
}

function targetsOf({ volumes }: InstanceIntent) {
  return volumes.flatMap(({ source, sizeBytes }) =>
    source.kind === 'nbd-unix' ? [{ socketPath: source.socketPath, sizeBytes }] : [],
  );
}

/**
 * An instance that the newer document does not mention keeps running: only an explicit `terminated` ends one,
 * since a controller that lost its memory must not take the guests with it.
 */
export function mergeInstances(
  known: ReadonlyMap<InstanceId, InstanceIntent>,
  incoming: readonly InstanceIntent[],
  isEnded: (id: InstanceId) => boolean,
): InstanceIntent[] {
  const named = new Set(incoming.map(({ id }) => id));
  const kept = [...known.values()].filter(
    ({ id, power }) => !named.has(id) && !(power === 'terminated' && isEnded(id)),
  );
  const newest = incoming.map((instance) => {
    const own = known.get(instance.id);
    return own !== undefined && own.generation > instance.generation ? own : instance;
  });
  return [...newest, ...kept];
}
