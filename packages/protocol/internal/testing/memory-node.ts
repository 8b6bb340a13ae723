// Owns a NodeClient that obeys in memory: the double for tests of what stands above a node.

import { ServiceError } from '@ironbark/core/errors.ts';
import type { InstanceId, NodeId } from '@ironbark/core/ids.ts';
import type { FlowReading } from '../flow-messages.ts';
import type {
  InstanceIntent,
  InstanceObservation,
  NodeIntent,
  NodeReport,
} from '../instance-messages.ts';
import type { ConsoleOutput, NetworkReading, NodeClient, VolumeReading } from '../node-client.ts';
import { wholeVpcs } from '../vpc-changes.ts';

export class MemoryNode implements NodeClient {
  readonly nodeId: NodeId;
  intent: NodeIntent;
  /** Every document that was handed over, older ones too. */
  readonly received: NodeIntent[] = [];
  /** As it reports. */
  network: NodeReport['network'] = 'simulated';
  underlayAddress: string | undefined;
  /** As after a restart. */
  intentIsKept = false;
  readonly #observations = new Map<InstanceId, InstanceObservation>();
  readonly #listeners = new Set<() => void>();

  constructor(nodeId: NodeId) {
    this.nodeId = nodeId;
    this.intent = { nodeId, generation: 0, subnets: [], vpcs: [], instances: [] };
  }

  async putIntent(intent: NodeIntent): Promise<void> {
    this.received.push(intent);
    if (intent.generation === this.intent.generation) this.intentIsKept = false;
    if (intent.generation <= this.intent.generation) return;
    const { vpcChanges: _, ...whole } = intent;
    this.intent = structuredClone({ ...whole, ...wholeVpcs(this.intent, intent) });
    for (const instance of intent.instances) {
      this.#observations.set(instance.id, observe(instance));
    }
    const wanted = new Set(intent.instances.map((each) => each.id));
    for (const [id, { power }] of this.#observations) {
      if (!wanted.has(id) && power === 'terminated') this.#observations.delete(id);
    }
    this.notify();
  }

  async getReport(): Promise<NodeReport> {
    return {
      nodeId: this.nodeId,
      hostname: `host-of-${this.nodeId}`,
      reportedAt: new Date(0).toISOString(),
      intentGeneration: this.intent.generation,
      intentIsKept: this.intentIsKept,
      hypervisor: 'simulated',
      accelerator: 'simulated',
      isolatesTenants: true,
      network: this.network,
      ...(this.underlayAddress === undefined ? {} : { underlayAddress: this.underlayAddress }),
      capacity: { vcpus: 8, memoryMib: 8192, diskBytes: 1e12, diskFreeBytes: 1e12 },
      instances: structuredClone([...this.#observations.values()]),
    };
  }

  async getConsoleOutput(id: InstanceId): Promise<ConsoleOutput> {
    if (this.#observations.has(id)) {
      return { bytes: Buffer.from(`console of ${id}`), updatedAt: new Date(0).toISOString() };
    }
    throw new ServiceError({
      kind: 'not-found',
      resource: 'instance',
      message: `The node has no instance ${id}.`,
    });
  }

  /** What is counted of volumes. */
  readings: VolumeReading[] = [];

  async readVolumes(): Promise<VolumeReading[]> {
    return structuredClone(this.readings);
  }

  /** And of cards. */
  networkReadings: NetworkReading[] = [];

  async readNetwork(): Promise<NetworkReading[]> {
    return structuredClone(this.networkReadings);
  }

  /** And of flows. */
  flows: FlowReading = { cursor: 0, windows: [] };

  async readFlows(after: number): Promise<FlowReading> {
    const { cursor, windows } = this.flows;
    return { cursor, windows: after < cursor ? structuredClone(windows) : [] };
  }

  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Changes what is seen of an instance, as a guest that stops by itself does. */
  see(id: InstanceId, changes: Partial<InstanceObservation>): void {
    const known = this.#observations.get(id);
    if (known === undefined) throw new Error(`${id} is not on ${this.nodeId}`);
    this.#observations.set(id, { ...known, ...changes });
    this.notify();
  }

  notify(): void {
    for (const listener of this.#listeners) listener();
  }
}

function observe(intent: InstanceIntent): InstanceObservation {
  return {
    id: intent.id,
    generation: intent.generation,
    heardGeneration: intent.generation,
    power: intent.power,
    rebootCount: intent.rebootCount,
    hypervisor: 'simulated',
    accelerator: 'simulated',
    isolatesTenants: true,
    volumes: intent.volumes.map(({ volumeId, profile }) => ({
      volumeId,
      state: 'attached',
      profile,
    })),
    interfaces: intent.interfaces.map(({ id, profile }) => ({ id, state: 'attached', profile })),
  };
}
