// Owns what a node tells of the flows of its guests' interfaces, for flow logs: what was counted in one window of time.

import type { InstanceId, InterfaceId, SubnetId, VpcId } from '@ironbark/core/ids.ts';

/** All packets of one direction and one fate that have the same five values. */
export interface FlowRecord {
  /** As the interface sees it: `egress` is what it sends. */
  direction: 'ingress' | 'egress';
  action: 'ACCEPT' | 'REJECT';
  /** IPv4, as the interface sees them: behind the translation of what comes in, before that of what goes out. */
  sourceIp: string;
  destinationIp: string;
  /** An IANA number. */
  protocol: number;
  /** 0 for protocols without ports. */
  sourcePort: number;
  destinationPort: number;
  packets: number;
  /** Of the IP packets. */
  bytes: number;
}

/** What an interface moved between two readings. */
export interface FlowWindow {
  interfaceId: InterfaceId;
  instanceId: InstanceId;
  subnetId: SubnetId;
  vpcId: VpcId;
  /** Its first private address. */
  privateIp: string;
  /** On the node's clock. */
  startMs: number;
  endMs: number;
  /** There was more than could be counted or kept. */
  isSkipped: boolean;
  flows: FlowRecord[];
}

export interface FlowReading {
  /** Pass it to the next call, once these are where they belong: the node keeps them until then. */
  cursor: number;
  /** The oldest first; empty: there are no more. */
  windows: FlowWindow[];
}

/** Of one window; what has more is told in several of the same time. */
export const MAX_FLOWS_OF_WINDOW = 4_000;
/** A window counts as one more than it has flows. An answer is about 4 MB. */
export const MAX_FLOWS_OF_READING = 20_000;
