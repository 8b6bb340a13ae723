// Owns the contract between the Cloud Controller and the Cluster Controller of one zone.

import type { InstanceId, NodeId, VpcId } from '@ironbark/core/ids.ts';
import type { Accelerator } from '@ironbark/core/tenancy.ts';
import type { FlowReading } from './flow-messages.ts';
import type {
  InstanceIntent,
  InstanceObservation,
  NodeCapacity,
  SubnetIntent,
} from './instance-messages.ts';
import type { ConsoleOutput, NetworkReading, VolumeReading } from './node-client.ts';
import type { VersionedVpc, VpcChange } from './vpc-changes.ts';

/** One instance's intent and the node it is placed on. */
export interface PlacedInstance {
  nodeId: NodeId;
  intent: InstanceIntent;
}

/** A VPC as it is to be on every node that has a port of it. */
export type ZoneVpc = VersionedVpc;

export interface NodeSummary {
  nodeId: NodeId;
  hostname: string;
  /** `lost` after the node has not reported for {@link NODE_LEASE_MS}. */
  health: 'ready' | 'lost';
  hypervisor: string;
  accelerator: Accelerator;
  /** It keeps the guests of different accounts apart. */
  isolatesTenants: boolean;
  network: 'bridge' | 'user' | 'simulated';
  /** It builds VPCs, with their groups and routes. */
  keepsVpcs?: boolean;
  /** Of Ironbark. */
  version?: string;
  /** IPv4, by which other nodes reach it. */
  underlayAddress?: string;
  /** It gets no new instances. */
  isDraining?: boolean;
  /** The zone's volumes can be opened there; absent: they can. */
  reachesVolumes?: boolean;
  /** Where they cannot: one that is attached to a single instance, and is not its root, can all the same. */
  opensGates?: boolean;
  capacity: NodeCapacity;
  reportedAt: string;
}

/** A node that has been silent for this long is not given new instances. */
export const NODE_LEASE_MS = 30_000;

export interface ZoneChanges {
  /** Pass it to the next call. */
  cursor: number;
  /** Another one after a node was lost, came back, was drained, resumed or removed. */
  nodesGeneration: number;
  instances: ZoneObservation[];
}

export interface ZoneObservation {
  nodeId: NodeId;
  observation: InstanceObservation;
  /** The node was removed from the zone: what is said to have ended there ended with it, and nobody had asked for that. */
  isNodeGone?: true;
}

export interface ClusterClient {
  /** Replaces the zone's subnets; the same on every node. */
  putSubnets(subnets: SubnetIntent[]): Promise<void>;
  /** Upserts VPCs; an older generation than the stored one is ignored. Nodes without a port of it hear nothing. */
  putVpcs(vpcs: ZoneVpc[]): Promise<void>;
  /** The same of what has changed in them. Answers those of which it knows another generation: they are needed whole. */
  changeVpcs(changes: VpcChange[]): Promise<VpcId[]>;
  forgetVpcs(ids: VpcId[]): Promise<void>;
  /**
   * Upserts intents; an older generation than the stored one is ignored. One that comes for another node than before has to
   * be known to be off at that one, which is told that it is over there.
   */
  putInstances(placed: PlacedInstance[]): Promise<void>;
  /** Drops instances whose observed power is terminated, and stopped ones that are over: their nodes end those. */
  forgetInstances(ids: InstanceId[]): Promise<void>;
  /** All nodes that have reported, or those of them that are named. */
  describeNodes(only?: readonly NodeId[]): Promise<NodeSummary[]>;
  /** Observations that changed after the cursor; cursor 0 gives all of them. */
  changesSince(cursor: number): Promise<ZoneChanges>;
  getConsoleOutput(id: InstanceId): Promise<ConsoleOutput>;
  /** Of all nodes; those of a node that is away are missing. */
  readVolumes(): Promise<VolumeReading[]>;
  readNetwork(): Promise<NetworkReading[]>;
  /** As NodeClient's; throws where the node is away. */
  readFlows(nodeId: NodeId, after: number): Promise<FlowReading>;
  onChange(listener: () => void): () => void;
}
