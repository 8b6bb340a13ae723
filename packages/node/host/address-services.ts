// Owns what a subnet's address service is told, of what the VPCs say and of which ports are here.

import type { SubnetIntent } from '@ironbark/protocol/internal/instance-messages.ts';
import type { DnsmasqSpec } from './dnsmasq.ts';
import type { PortRecord } from './port-records.ts';
import type { Surroundings } from './surroundings.ts';

export interface ServedSubnet {
  subnet: SubnetIntent;
  bridge: string;
  bridgeIndex: number;
  ports: readonly PortRecord[];
  domains: readonly string[];
}

export function addressServiceOf(
  served: ServedSubnet,
  { vpcs, resolvers, overlays }: Surroundings,
): DnsmasqSpec {
  const { subnet } = served;
  const vpc = vpcs.find(({ subnets }) => subnets.some(({ id }) => id === subnet.id));
  const hasElsewhere = vpc !== undefined && overlays?.find(vpc.id) !== undefined;
  const mtu = hasElsewhere ? overlays?.mtuOf(vpc.id) : undefined;
  return {
    ...served,
    // To a port on another node a packet is wrapped into one of the nodes'.
    ports: mtu === undefined ? served.ports : served.ports.map((port) => narrowed(port, mtu)),
    hasDns: vpc?.hasDns ?? true,
    ...(hasElsewhere ? { namedBlocks: vpc.cidrs } : {}),
    ...(vpc === undefined ? {} : { dhcp: vpc.dhcp }),
    ...(resolvers === undefined ? {} : { resolvers }),
  };
}

function narrowed(port: PortRecord, mtu: number): PortRecord {
  return port.mtu <= mtu ? port : { ...port, mtu };
}
