// Owns the tables of the Cluster Controller as the queries see them.

import type { InstanceId, InterfaceId, NodeId, VpcId } from '@ironbark/core/ids.ts';
import type { Migrations } from '@ironbark/platform/database/database.ts';
import type { ColumnType } from 'kysely';
import { createClusterTables } from './migrations/0001-cluster.ts';
import { vpcs } from './migrations/0002-vpcs.ts';
import { joinedNodes } from './migrations/0003-joined-nodes.ts';
import { vpcPorts } from './migrations/0036-vpc-ports.ts';
import { lostNodes } from './migrations/0039-lost-nodes.ts';
import { leftInstances } from './migrations/0064-left-instances.ts';

/** The zone's one row: what is the same on every node, and the number of the newest change. */
export interface ZoneTable {
  id: 1;
  /** SubnetIntent[] as JSON. */
  subnets: string;
  change_sequence: number;
}

export interface NodeTable {
  id: NodeId;
  /** Grows with every change of the node's document; 0 until somebody has asked for anything. */
  intent_generation: number;
  /** The generation that the node last said it works on. */
  reported_generation: number;
  /** The node's last report without its instances, as JSON; null before the first. */
  summary: string | null;
  /** 1: it gets no new instances. */
  is_draining: number;
}

/** The one row of where nodes on other hosts come in; none until the first was to. */
export interface DoorTable {
  id: 1;
  host: string;
  port: number;
  /** PEM, all four. The keys are secrets. */
  authority_certificate: string;
  authority_key: string;
  certificate: string;
  key: string;
}

export interface JoinTokenTable {
  id: string;
  /** SHA-256 in lower-case hexadecimal: the secret is a random number of 192 bits. */
  secret_hash: string;
  expires_at: number;
  wrong_guesses: number;
}

export interface JoinedNodeTable {
  id: NodeId;
  /** What people call it. */
  name: string;
  /** Of its certificate: no other one is let in as this node. */
  fingerprint: string;
  joined_at: number;
}

/** Removed as lost, with its instances. */
export interface LostNodeTable {
  id: NodeId;
  name: string;
  /** Of its certificate: by that it is told so when it comes back. */
  fingerprint: string;
  removed_at: number;
}

export interface PlacedInstanceTable {
  id: InstanceId;
  node_id: NodeId;
  generation: number;
  /** InstanceIntent as JSON. */
  intent: string;
  forgotten_at: number | null;
  /** The first generation that was for this node; 0: it has been on no other one. */
  since_generation: ColumnType<number, number | undefined, number>;
}

/** It was on this node and is elsewhere now. */
export interface LeftInstanceTable {
  node_id: NodeId;
  id: InstanceId;
  generation: number;
  /** InstanceIntent as JSON: to end what the node has of it. */
  intent: string;
}

export interface ObservationTable {
  id: InstanceId;
  node_id: NodeId;
  /** InstanceObservation as JSON. */
  observation: string;
  /** The number of the change that made it so. */
  change_sequence: number;
}

export interface VpcTable {
  id: VpcId;
  generation: number;
  /** VpcFrame as JSON. */
  intent: string;
}

export interface VpcPortTable {
  vpc_id: VpcId;
  interface_id: InterfaceId;
  node_id: NodeId | null;
  /** Of the VPC, when the port became so. */
  generation: number;
  /** PortIntent as JSON; null: it is gone. */
  port: string | null;
}

export interface ClusterSchema {
  zone: ZoneTable;
  node: NodeTable;
  placed_instance: PlacedInstanceTable;
  left_instance: LeftInstanceTable;
  observation: ObservationTable;
  vpc: VpcTable;
  door: DoorTable;
  join_token: JoinTokenTable;
  joined_node: JoinedNodeTable;
  lost_node: LostNodeTable;
  vpc_port: VpcPortTable;
}

export const CLUSTER_MIGRATIONS: Migrations = {
  '0001-cluster': { up: createClusterTables },
  '0002-vpcs': vpcs,
  '0003-joined-nodes': joinedNodes,
  '0036-vpc-ports': vpcPorts,
  '0039-lost-nodes': lostNodes,
  '0064-left-instances': leftInstances,
};
