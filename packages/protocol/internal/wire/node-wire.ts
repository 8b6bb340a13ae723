// Owns NodeClient on a wire: what a node accepts, and the client that speaks to it from another process.

import type { NodeId } from '@ironbark/core/ids.ts';
import type { FlowReading } from '../flow-messages.ts';
import type { NodeIntent, NodeReport, SubnetIntent } from '../instance-messages.ts';
import type { NetworkReading, NodeClient, VolumeReading } from '../node-client.ts';
import { type Check, id, integer, list, nothing, object, oneOf, within } from './checks.ts';
import { DOMAIN, instanceCheck, type NodeBounds } from './instance-checks.ts';
import type { CallTransport, VerbTable } from './transport.ts';
import { MAX_VPCS, vpcChangeCheck, vpcCheck, vpcVersionCheck } from './vpc-checks.ts';

/** As many guest users as a node has. */
export const MAX_INSTANCES = 4_096;
const MAX_SUBNETS = 1_024;

export function nodeIntentCheck(nodeId: NodeId, bounds: NodeBounds): Check<NodeIntent> {
  const { vpcCidr } = bounds;
  return object<NodeIntent>({
    nodeId: oneOf(nodeId),
    generation: integer(0, Number.MAX_SAFE_INTEGER),
    subnets: list(
      object<SubnetIntent>({
        id: id('subnet'),
        cidr: within(vpcCidr, 'network'),
        gatewayIp: within(vpcCidr, 'address'),
        vpcCidr: within(vpcCidr, 'network'),
        domain: DOMAIN,
      }),
      MAX_SUBNETS,
    ),
    vpcs: list(vpcCheck, MAX_VPCS),
    vpcVersions: { optional: list(vpcVersionCheck, MAX_VPCS) },
    vpcChanges: { optional: list(vpcChangeCheck, MAX_VPCS) },
    instances: list(instanceCheck(bounds), MAX_INSTANCES),
  });
}

export interface NodeVerbOptions {
  node: Omit<NodeClient, 'onChange'>;
  nodeId: NodeId;
  bounds: NodeBounds;
}

/** The whole surface of a node. */
export function nodeVerbs({ node, nodeId, bounds }: NodeVerbOptions): VerbTable {
  const checkIntent = nodeIntentCheck(nodeId, bounds);
  const checkId = object({ id: id('i') });
  const checkAfter = object({ after: integer(0, Number.MAX_SAFE_INTEGER) });
  return {
    putIntent: (input) => node.putIntent(checkIntent(input, '')),
    getReport: (input) => {
      nothing(input, '');
      return node.getReport();
    },
    getConsoleOutput: async (input) => {
      const { bytes, updatedAt } = await node.getConsoleOutput(checkId(input, '').id);
      return { base64: Buffer.from(bytes).toString('base64'), updatedAt };
    },
    readVolumes: (input) => {
      nothing(input, '');
      return node.readVolumes();
    },
    readNetwork: (input) => {
      nothing(input, '');
      return node.readNetwork();
    },
    readFlows: (input) => node.readFlows(checkAfter(input, '').after),
  };
}

/** A node has more rights than who asks it, so its answers are taken as they are. */
export function remoteNode(transport: CallTransport): NodeClient {
  return {
    putIntent: async (intent) => {
      await transport.call('putIntent', intent);
    },
    getReport: async () => (await transport.call('getReport')) as NodeReport,
    getConsoleOutput: async (instanceId) => {
      const answer = await transport.call('getConsoleOutput', { id: instanceId });
      const { base64, updatedAt } = answer as { base64: string; updatedAt: string };
      return { bytes: Buffer.from(base64, 'base64'), updatedAt };
    },
    readVolumes: async () => (await transport.call('readVolumes')) as VolumeReading[],
    readNetwork: async () => (await transport.call('readNetwork')) as NetworkReading[],
    readFlows: async (after) => (await transport.call('readFlows', { after })) as FlowReading,
    onChange: (listener) => transport.onChange(listener),
  };
}
