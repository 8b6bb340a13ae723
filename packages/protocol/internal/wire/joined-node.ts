// Owns NodeClient for a node on another host. Such a node is trusted with its own instances and with nothing else: what
// it says has its form and its limits, and is about itself.

import type { NodeId } from '@ironbark/core/ids.ts';
import type { DeviceRates } from '@ironbark/core/io-calibration.ts';
import type { NicCounters, PathRates } from '@ironbark/core/network-figures.ts';
import type { DiskCounters } from '@ironbark/core/volume-figures.ts';
import {
  type FlowReading,
  type FlowRecord,
  type FlowWindow,
  MAX_FLOWS_OF_READING,
  MAX_FLOWS_OF_WINDOW,
} from '../flow-messages.ts';
import type {
  InstanceObservation,
  InterfaceObservation,
  NodeCapacity,
  NodeReport,
  VolumeObservation,
} from '../instance-messages.ts';
import type { NetworkReading, NodeClient, VolumeReading } from '../node-client.ts';
import {
  type Check,
  flag,
  hostAddress,
  id,
  integer,
  list,
  object,
  oneOf,
  pattern,
  text,
} from './checks.ts';
import { diskProfile, nicProfile } from './instance-checks.ts';
import { MAX_INSTANCES, remoteNode } from './node-wire.ts';
import type { CallTransport } from './transport.ts';

const COUNT = integer(0, Number.MAX_SAFE_INTEGER);
const MAX_TEXT = 1_024;
const MAX_DISKS = 128;
const MAX_GAPS = 32;
/** Base64 of the 64 KiB that a console keeps, and then some. */
const MAX_CONSOLE = 128 * 1_024;
const LINE = pattern<string>(/^[^\p{Cc}]{0,1024}$/u);
const TIME = pattern<string>(/^\d{4}-\d\d-\d\dT[\d:.]{8,15}Z$/);

/** Of a counter or a clock that is no whole number. */
const amount: Check<number> = (value, path) => {
  if (typeof value === 'number' && Number.isFinite(value) && value >= 0) return value;
  return COUNT(value, path);
};

const volumeObservation = object<VolumeObservation>({
  volumeId: id('vol'),
  state: oneOf('attaching', 'attached', 'detaching', 'failed'),
  reason: { optional: text(MAX_TEXT) },
  profile: { optional: diskProfile },
});

const interfaceObservation = object<InterfaceObservation>({
  id: id('eni'),
  state: oneOf('attaching', 'attached', 'detaching'),
  profile: { optional: nicProfile },
});

const accelerator = oneOf('kvm', 'tcg', 'simulated');

const instanceObservation = object<InstanceObservation>({
  id: id('i'),
  generation: COUNT,
  heardGeneration: COUNT,
  power: oneOf(
    ...([
      'preparing',
      'starting',
      'running',
      'stopping',
      'stopped',
      'terminated',
      'failed',
    ] as const),
  ),
  reason: { optional: text(MAX_TEXT) },
  isStuck: { optional: flag },
  rebootCount: COUNT,
  startedAt: { optional: TIME },
  reachableAt: { optional: TIME },
  hypervisor: LINE,
  accelerator,
  isolatesTenants: flag,
  rootDiskProfile: { optional: diskProfile },
  volumes: list(volumeObservation, MAX_DISKS),
  interfaces: list(interfaceObservation, MAX_DISKS),
  ssh: { optional: object({ host: LINE, port: integer(1, 65_535) }) },
});

const capacity = object<NodeCapacity>({
  vcpus: COUNT,
  memoryMib: COUNT,
  diskBytes: COUNT,
  diskFreeBytes: COUNT,
});

const reportCheck = (nodeId: NodeId): Check<NodeReport> =>
  object<NodeReport>({
    nodeId: oneOf(nodeId),
    hostname: LINE,
    version: { optional: LINE },
    reportedAt: TIME,
    intentGeneration: COUNT,
    intentIsKept: { optional: flag },
    hypervisor: LINE,
    accelerator,
    isolatesTenants: flag,
    isolationGaps: { optional: list(text(MAX_TEXT), MAX_GAPS) },
    network: oneOf('bridge', 'user', 'simulated'),
    keepsVpcs: { optional: flag },
    opensGates: { optional: flag },
    underlayAddress: { optional: hostAddress },
    capacity,
    instances: list(instanceObservation, MAX_INSTANCES),
  });

const diskCounters = object<DiskCounters>({
  readOps: amount,
  writeOps: amount,
  readBytes: amount,
  writeBytes: amount,
  readNs: amount,
  writeNs: amount,
});

const nicCounters = object<NicCounters>({
  inBytes: amount,
  outBytes: amount,
  inPackets: amount,
  outPackets: amount,
});

const volumeReading = object<VolumeReading>({
  volumeId: id('vol'),
  instanceId: id('i'),
  countedSince: text(MAX_TEXT),
  readAtMs: amount,
  counters: diskCounters,
  device: {
    optional: object<DeviceRates>({ readBytesPerSecond: amount, writeBytesPerSecond: amount }),
  },
});

const networkReading = object<NetworkReading>({
  interfaceId: id('eni'),
  instanceId: id('i'),
  countedSince: text(MAX_TEXT),
  readAtMs: amount,
  counters: nicCounters,
  pid: COUNT,
  profile: nicProfile,
  path: { optional: object<PathRates>({ outBitsPerSecond: amount, inBitsPerSecond: amount }) },
});

const anyAddress = pattern<string>(/^\d{1,3}(?:\.\d{1,3}){3}$/);

const flowRecord = object<FlowRecord>({
  direction: oneOf('ingress', 'egress'),
  action: oneOf('ACCEPT', 'REJECT'),
  sourceIp: anyAddress,
  destinationIp: anyAddress,
  protocol: integer(0, 255),
  sourcePort: integer(0, 65_535),
  destinationPort: integer(0, 65_535),
  packets: amount,
  bytes: amount,
});

const flowReading = object<FlowReading>({
  cursor: integer(0, Number.MAX_SAFE_INTEGER),
  windows: list(
    object<FlowWindow>({
      interfaceId: id('eni'),
      instanceId: id('i'),
      subnetId: id('subnet'),
      vpcId: id('vpc'),
      privateIp: anyAddress,
      startMs: amount,
      endMs: amount,
      isSkipped: flag,
      flows: list(flowRecord, MAX_FLOWS_OF_WINDOW),
    }),
    MAX_FLOWS_OF_READING,
  ),
});

const consoleOutput = object({
  base64: pattern<string>(new RegExp(`^[A-Za-z0-9+/=]{0,${MAX_CONSOLE}}$`)),
  updatedAt: TIME,
});

export function joinedNodeClient(transport: CallTransport, nodeId: NodeId): NodeClient {
  const checkReport = reportCheck(nodeId);
  const readings = {
    volumes: list(volumeReading, MAX_INSTANCES * MAX_DISKS),
    network: list(networkReading, MAX_INSTANCES * MAX_DISKS),
  };
  return {
    ...remoteNode(transport),
    getReport: async () => checkReport(await transport.call('getReport'), ''),
    getConsoleOutput: async (instanceId) => {
      const answer = await transport.call('getConsoleOutput', { id: instanceId });
      const { base64, updatedAt } = consoleOutput(answer, '');
      return { bytes: Buffer.from(base64, 'base64'), updatedAt };
    },
    readVolumes: async () => readings.volumes(await transport.call('readVolumes'), ''),
    readNetwork: async () => readings.network(await transport.call('readNetwork'), ''),
    readFlows: async (after) => flowReading(await transport.call('readFlows', { after }), ''),
  };
}
