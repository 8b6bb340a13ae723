// Owns the double of a Cluster Controller: a zone in memory that goes one step at a time and fails where told.

import { ServiceError } from '@ironbark/core/errors.ts';
import type { InstanceId, InterfaceId, NodeId, VolumeId, VpcId } from '@ironbark/core/ids.ts';
import { type Accelerator, isolatesTenants } from '@ironbark/core/tenancy.ts';
import type { ClusterClient, NodeSummary, PlacedInstance, ZoneVpc } from '../cluster-client.ts';
import type { FlowReading } from '../flow-messages.ts';
import type {
  InstanceIntent,
  InstanceObservation,
  InterfaceObservation,
  SubnetIntent,
  VolumeObservation,
} from '../instance-messages.ts';
import type { NetworkReading, VolumeReading } from '../node-client.ts';
import { bringUpToDate, type VpcChange } from '../vpc-changes.ts';

export interface ClusterDoubleOptions {
  nodes: readonly NodeSummary[];
  /** Called at every place that can fail; throw to fail there. */
  failAt?: (step: string) => void;
  /** True: this launch or start ends as `failed`. Asked once for each start. */
  failStart?: (id: InstanceId) => boolean;
  /** When every guest is said to have given a sign of life; none does where it is absent. */
  reachableAt?: string;
}

interface Guest {
  nodeId: NodeId;
  intent: InstanceIntent;
  observation: InstanceObservation;
  changedAt: number;
  willFail: boolean;
}

export function doubleNode(
  nodeId: NodeId,
  capacity: Partial<NodeSummary['capacity']> = {},
  accelerator: Accelerator = 'simulated',
): NodeSummary {
  return {
    nodeId,
    hostname: nodeId,
    health: 'ready',
    hypervisor: 'double',
    accelerator,
    isolatesTenants: isolatesTenants(accelerator),
    network: 'simulated',
    capacity: {
      vcpus: 64,
      memoryMib: 65_536,
      diskBytes: 2 ** 40,
      diskFreeBytes: 2 ** 40,
      ...capacity,
    },
    reportedAt: '2026-01-01T00:00:00.000Z',
  };
}

export class ClusterDouble implements ClusterClient {
  readonly #options: ClusterDoubleOptions;
  readonly #guests = new Map<InstanceId, Guest>();
  readonly #listeners = new Set<() => void>();
  #nodes: NodeSummary[];
  #nodesGeneration = 0;
  readonly #lost = new Set<NodeId>();
  subnets: SubnetIntent[] = [];
  readonly vpcs = new Map<VpcId, ZoneVpc>();
  /** What is counted of volumes; absent: nothing. */
  readVolumesNow: (() => VolumeReading[]) | undefined;
  /** And of network cards. */
  readNetworkNow: (() => NetworkReading[]) | undefined;
  /** And of flows, by node and cursor. */
  readFlowsNow: ((nodeId: NodeId, after: number) => FlowReading) | undefined;
  #cursor = 0;

  constructor(options: ClusterDoubleOptions) {
    this.#options = options;
    this.#nodes = [...options.nodes];
  }

  get nodes(): NodeSummary[] {
    return this.#nodes;
  }

  set nodes(nodes: NodeSummary[]) {
    this.#nodes = nodes;
    this.#nodesGeneration += 1;
  }

  async putSubnets(subnets: SubnetIntent[]): Promise<void> {
    this.#fail('putSubnets');
    this.subnets = subnets;
  }

  async putVpcs(vpcs: ZoneVpc[]): Promise<void> {
    this.#fail('putVpcs');
    for (const vpc of vpcs) {
      const known = this.vpcs.get(vpc.intent.id);
      if (known !== undefined && known.generation >= vpc.generation) continue;
      this.vpcs.set(vpc.intent.id, structuredClone(vpc));
    }
  }

  async changeVpcs(changes: VpcChange[]): Promise<VpcId[]> {
    this.#fail('changeVpcs');
    const gaps: VpcId[] = [];
    for (const change of structuredClone(changes)) {
      const known = this.vpcs.get(change.frame.id);
      if (known !== undefined && known.generation >= change.generation) continue;
      if (known?.generation !== change.since) gaps.push(change.frame.id);
      else this.vpcs.set(change.frame.id, bringUpToDate(known, change));
    }
    return gaps;
  }

  async forgetVpcs(ids: VpcId[]): Promise<void> {
    this.#fail('forgetVpcs');
    for (const id of ids) this.vpcs.delete(id);
  }

  async putInstances(placed: PlacedInstance[]): Promise<void> {
    this.#fail('putInstances before');
    for (const { nodeId } of placed) this.#requireNode(nodeId);
    for (const one of placed) this.#put(structuredClone(one));
    this.#fail('putInstances after');
  }

  async forgetInstances(ids: InstanceId[]): Promise<void> {
    this.#fail('forgetInstances before');
    for (const id of ids) {
      const power = this.#guests.get(id)?.observation.power;
      const isOff = power === undefined || power === 'terminated' || power === 'stopped';
      if (!isOff) throw new Error(`${id} is ${power}`);
      this.#guests.delete(id);
    }
    this.#fail('forgetInstances after');
  }

  async describeNodes(only?: readonly NodeId[]): Promise<NodeSummary[]> {
    this.#fail('describeNodes');
    return this.nodes.filter(({ nodeId }) => only?.includes(nodeId) ?? true);
  }

  async changesSince(cursor: number): ReturnType<ClusterClient['changesSince']> {
    this.#fail('changesSince');
    const changed = [...this.#guests.values()].filter((guest) => guest.changedAt > cursor);
    const instances = changed.map(({ nodeId, observation }) => ({
      nodeId,
      observation,
      ...(this.#lost.has(nodeId) ? { isNodeGone: true as const } : {}),
    }));
    const nodesGeneration = this.#nodesGeneration;
    return { cursor: this.#cursor, nodesGeneration, instances: structuredClone(instances) };
  }

  async getConsoleOutput(id: InstanceId): ReturnType<ClusterClient['getConsoleOutput']> {
    if (this.#guests.has(id)) {
      return { bytes: Buffer.from(`console of ${id}\n`), updatedAt: '2026-01-01T00:00:00.000Z' };
    }
    throw new ServiceError({ kind: 'not-found', resource: 'instance', message: 'no such guest' });
  }

  async readNetwork(): Promise<NetworkReading[]> {
    return this.readNetworkNow?.() ?? [];
  }

  async readFlows(nodeId: NodeId, after: number): Promise<FlowReading> {
    return this.readFlowsNow?.(nodeId, after) ?? { cursor: after, windows: [] };
  }

  async readVolumes(): Promise<VolumeReading[]> {
    return this.readVolumesNow?.() ?? [];
  }

  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Ids of every instance that the zone still knows. */
  listIds(): InstanceId[] {
    return [...this.#guests.keys()];
  }

  nodeOf(id: InstanceId): NodeId {
    return this.#guests.get(id)!.nodeId;
  }

  getIntent(id: InstanceId): InstanceIntent {
    return this.#guests.get(id)!.intent;
  }

  /** True while a running guest, or this one, has the volume open. */
  hasOpen(id: VolumeId, instanceId?: InstanceId): boolean {
    return [...this.#guests.values()].some(
      ({ observation }) =>
        (instanceId ?? observation.id) === observation.id &&
        observation.volumes.some((volume) => volume.volumeId === id && volume.state === 'attached'),
    );
  }

  /** The guest shuts itself down. */
  shutdownGuest(id: InstanceId): void {
    this.#observe(this.#guests.get(id)!, { power: 'stopped', volumes: [] });
  }

  /** It is removed with what is on it. */
  loseNode(id: NodeId): void {
    this.#lost.add(id);
    this.nodes = this.#nodes.filter(({ nodeId }) => nodeId !== id);
    for (const guest of this.#guests.values()) {
      if (guest.nodeId !== id || guest.observation.power === 'terminated') continue;
      this.#reach(guest, { power: 'terminated', volumes: [], reason: `The node ${id} was lost.` });
    }
  }

  /** Takes every instance one step nearer to its intent. */
  step(): void {
    for (const guest of this.#guests.values()) {
      if (!this.#lost.has(guest.nodeId)) this.#stepGuest(guest);
    }
  }

  #requireNode(id: NodeId): void {
    if (this.#nodes.some(({ nodeId }) => nodeId === id)) return;
    const message = `The zone has no node ${id}.`;
    throw new ServiceError({ kind: 'not-found', resource: 'node', message });
  }

  #put({ nodeId, intent }: PlacedInstance): void {
    const guest = this.#guests.get(intent.id);
    if (guest === undefined) {
      const willFail = this.#options.failStart?.(intent.id) === true;
      const observation = initialObservation(intent.id);
      this.#guests.set(intent.id, { nodeId, intent, observation, changedAt: 0, willFail });
    } else if (intent.generation > guest.intent.generation) {
      if (guest.nodeId !== nodeId) moveGuest(guest, nodeId);
      const isStart = intent.power === 'running' && guest.intent.power !== 'running';
      if (isStart) guest.willFail = this.#options.failStart?.(intent.id) === true;
      guest.intent = intent;
    }
  }

  #stepGuest(guest: Guest): void {
    const { power, generation } = guest.observation;
    const { intent } = guest;
    if (intent.power === 'terminated') {
      if (power !== 'terminated') this.#observe(guest, { power: 'terminated', volumes: [] });
    } else if (intent.power === 'running') {
      if (power === 'running') this.#stepRunning(guest);
      else this.#stepStarting(guest);
    } else if (power === 'running') this.#observe(guest, { power: 'stopping' });
    else if (power !== 'stopped' || generation < intent.generation) {
      this.#reach(guest, { power: 'stopped', volumes: [] });
    }
  }

  #stepStarting(guest: Guest): void {
    const { power, generation } = guest.observation;
    const hasEnded = power === 'failed' || power === 'terminated' || power === 'stopping';
    // A guest that shut itself down stays down until it is told otherwise.
    const hasShutDown = power === 'stopped' && generation === guest.intent.generation;
    if (hasEnded || hasShutDown) return;
    if (power !== 'starting') {
      this.#observe(guest, { power: power === 'preparing' ? 'starting' : 'preparing' });
    } else if (guest.willFail) this.#reach(guest, { power: 'failed', reason: 'planted' });
    else {
      const volumes = guest.intent.volumes.map((v) => attached(v.volumeId));
      const { reachableAt } = this.#options;
      const sign = reachableAt === undefined ? {} : { reachableAt };
      this.#reach(guest, { power: 'running', volumes, ...sign });
    }
  }

  #stepRunning(guest: Guest): void {
    const { intent, observation } = guest;
    if (observation.generation >= intent.generation) return;
    const wanted = new Set(intent.volumes.map((volume) => volume.volumeId));
    const kept = observation.volumes.filter((volume) => wanted.has(volume.volumeId));
    const next = intent.volumes.find((v) => !kept.some((one) => one.volumeId === v.volumeId));
    if (kept.length < observation.volumes.length) this.#observe(guest, { volumes: kept });
    else if (next !== undefined) {
      this.#observe(guest, { volumes: [...kept, attached(next.volumeId)] });
    } else this.#reach(guest, { rebootCount: intent.rebootCount });
  }

  #reach(guest: Guest, values: Partial<InstanceObservation>): void {
    this.#observe(guest, { ...values, generation: guest.intent.generation });
  }

  #observe(guest: Guest, values: Partial<InstanceObservation>): void {
    const { generation: heardGeneration, interfaces } = guest.intent;
    const heard = { heardGeneration, interfaces: interfaces.map(({ id }) => plugged(id)) };
    guest.observation = { ...guest.observation, ...heard, ...values };
    this.#cursor += 1;
    guest.changedAt = this.#cursor;
    for (const listener of this.#listeners) listener();
  }

  #fail(step: string): void {
    this.#options.failAt?.(`cluster ${step}`);
  }
}

/** Nothing of it may run where it was. */
function moveGuest(guest: Guest, nodeId: NodeId): void {
  const { id, power } = guest.observation;
  if (power !== 'stopped' && power !== 'terminated') throw new Error(`${id} is ${power} and moves`);
  guest.nodeId = nodeId;
  guest.observation = initialObservation(id);
}

function plugged(id: InterfaceId): InterfaceObservation {
  return { id, state: 'attached' };
}

function attached(volumeId: VolumeId): VolumeObservation {
  return { volumeId, state: 'attached' };
}

function initialObservation(id: InstanceId): InstanceObservation {
  return {
    id,
    generation: 0,
    heardGeneration: 0,
    power: 'preparing',
    rebootCount: 0,
    hypervisor: 'double',
    accelerator: 'simulated',
    isolatesTenants: true,
    volumes: [],
    interfaces: [],
  };
}
