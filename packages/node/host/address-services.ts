// Owns what a subnet's address service is told, of what the VPCs say and of which ports are here.

import type { SubnetIntent } from '@ironbark/protocol/internal/instance-messages.ts';
import type { VpcIntent } from '@ironbark/protocol/internal/network-messages.ts';
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
  const ipv6 = vpc?.subnets.find(({ id }) => id === subnet.id)?.ipv6;
  return {
    ...served,
    // To a port on another node a packet is wrapped into one of the nodes'.
    ports: mtu === undefined ? served.ports : served.ports.map((port) => narrowed(port, mtu)),
    ...(ipv6 === undefined ? {} : { ipv6: { ...ipv6, leases: firstIpv6Of(vpc!) } }),
    hasDns: vpc?.hasDns ?? true,
    ...(hasElsewhere ? { namedBlocks: vpc.cidrs } : {}),
    ...(vpc === undefined ? {} : { dhcp: vpc.dhcp }),
    ...(resolvers === undefined ? {} : { resolvers }),
  };
}

/** Everything that they are told of these VPCs besides ports and subnets, to compare. */
export function serviceOptionsOf(
  vpcs: readonly VpcIntent[],
  { resolvers, overlays }: Surroundings,
): string {
  const options = vpcs.map((vpc) => {
    const { id, cidrs, hasDns, dhcp } = vpc;
    const far = overlays?.find(id) === undefined ? {} : { cidrs, mtu: overlays.mtuOf(id) };
    return { id, hasDns, dhcp, ipv6: firstIpv6Of(vpc), ...far };
  });
  return JSON.stringify({ resolvers, options });
}

/** What DHCPv6 gives: each port's first address. */
function firstIpv6Of({ ports }: Pick<VpcIntent, 'ports'>): Record<string, string> {
  const leases = ports.flatMap(({ interfaceId, ipv6Addresses: [first] = [] }) =>
    first === undefined ? [] : [[interfaceId, first] as const],
  );
  return Object.fromEntries(leases);
}

function narrowed(port: PortRecord, mtu: number): PortRecord {
  return port.mtu <= mtu ? port : { ...port, mtu };
}
