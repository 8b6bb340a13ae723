// Owns the contract between a Cluster Controller and a node.

import type { InstanceId, InterfaceId, VolumeId } from '@ironbark/core/ids.ts';
import type { DeviceRates } from '@ironbark/core/io-calibration.ts';
import type { NicProfile } from '@ironbark/core/io-profile.ts';
import type { NicCounters, PathRates } from '@ironbark/core/network-figures.ts';
import type { DiskCounters } from '@ironbark/core/volume-figures.ts';
import type { FlowReading } from './flow-messages.ts';
import type { NodeIntent, NodeReport } from './instance-messages.ts';

export interface ConsoleOutput {
  /** The newest bytes that the guest wrote to its serial console. */
  bytes: Uint8Array;
  /** ISO 8601 time of the newest byte. */
  updatedAt: string;
}

/** What a running guest has done with a volume since its hypervisor began to count. */
export interface VolumeReading {
  volumeId: VolumeId;
  instanceId: InstanceId;
  /** Another one: the counters began anew. */
  countedSince: string;
  /** On the node's clock that never jumps. */
  readAtMs: number;
  counters: DiskCounters;
  /** What the disk below it gives, where the node knows: it was measured once. */
  device?: DeviceRates;
}

/** What a running guest's card has moved since its port was made. */
export interface NetworkReading {
  interfaceId: InterfaceId;
  instanceId: InstanceId;
  /** Another one: the counters began anew. */
  countedSince: string;
  /** On the node's clock that never jumps. */
  readAtMs: number;
  counters: NicCounters;
  /** Of the guest's process on the node. */
  pid: number;
  profile: NicProfile;
  /** What the path between the host and its guests gives, where the node knows. */
  path?: PathRates;
}

export interface NodeClient {
  /** Hands over the whole desired document. Older generations than the node's own are ignored. */
  putIntent(intent: NodeIntent): Promise<void>;
  /** What the node sees now. */
  getReport(): Promise<NodeReport>;
  /** At most the newest 64 KiB. Throws not-found for an instance that the node does not have. */
  getConsoleOutput(id: InstanceId): Promise<ConsoleOutput>;
  /** Of every volume of every running guest; those of one whose hypervisor does not answer are missing. */
  readVolumes(): Promise<VolumeReading[]>;
  /** Of the cards of every running guest; those that nobody counts are missing. */
  readNetwork(): Promise<NetworkReading[]>;
  /** Of interfaces that have a flow log, after a cursor; what was told before it is forgotten. 0: all that there is. */
  readFlows(after: number): Promise<FlowReading>;
  /** Calls back whenever the report has changed; returns the way to stop that. */
  onChange(listener: () => void): () => void;
}
