// Owns a VPC with a port on each of some nodes, for tests.

import type { NodeId } from '@ironbark/core/ids.ts';
import type { ZoneVpc } from '@ironbark/protocol/internal/cluster-client.ts';

/** Its network's number tells which generation has arrived. `undefined`: the port is on no node. */
export function zoneVpc(generation: number, nodes: readonly (NodeId | undefined)[]): ZoneVpc {
  const ports = nodes.map((nodeId, at) => ({
    interfaceId: `eni-0000000000000000${at}` as const,
    subnetId: 'subnet-00000000000000001' as const,
    nodeId,
    macAddress: `02:00:00:00:00:0${at}`,
    privateIps: [`10.0.0.${at + 4}`],
    publicIps: [],
    groupIds: [],
    checksSource: true,
  }));
  const dhcp = { domainName: 'ec2.internal', domainNameServers: [], ntpServers: [] };
  const parts = { cidrs: ['10.0.0.0/16'], hasDns: true, dhcp, subnets: [], groups: [], ports };
  const id = 'vpc-00000000000000001';
  return { generation, intent: { id, networkNumber: generation, ...parts } };
}
