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

interface StoredIntent {
  generation: number;
  subnets: SubnetIntent[];
  /** Absent in a document that was kept before there were any. */
  vpcs?: VpcIntent[];
  vpcVersions?: VpcVersion[];
  instances: InstanceIntent[];
}

const EMPTY: StoredIntent = { generation: 0, subnets: [], instances: [] };

export class IntentStore {
  readonly #path: string;
  readonly #nodeId: NodeId;
  #generation = 0;
  #subnets: SubnetIntent[] = [];
  #vpcs: VpcIntent[] = [];
  #vpcVersions: readonly VpcVersion[] = [];
  #instances = new Map<InstanceId, InstanceIntent>();
  #byAddress = new Map<string, InstanceIntent>();
  #writing: Promise<unknown> = Promise.resolve();

  private constructor(path: string, nodeId: NodeId) {
    this.#path = path;
    this.#nodeId = nodeId;
  }

  static async open(dataDir: string, nodeId: NodeId): Promise<IntentStore> {
    const store = new IntentStore(join(dataDir, 'intent.json'), nodeId);
    await removeUnfinished(store.#path);
    const bytes = await readKeptFile(store.#path);
    store.#take(bytes === undefined ? EMPTY : (JSON.parse(bytes.toString()) as StoredIntent));
    return store;
  }

  get generation(): number {
    return this.#generation;
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
    if (intent.generation <= this.#generation) return false;
    const instances = mergeInstances(this.#instances, intent.instances, isEnded);
    const { generation, subnets } = intent;
    // One that was kept from another generation than the changes count from is asked for whole by the refusal.
    const vpcs = wholeVpcs({ vpcs: this.#vpcs, vpcVersions: this.#vpcVersions }, intent);
    const stored = { generation, subnets, ...vpcs, instances };
    await replaceFile(this.#path, JSON.stringify(stored));
    this.#take(stored);
    return true;
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
