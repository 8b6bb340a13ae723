// Owns which VPCs the host of a node routes itself, and a VPC's subnets in the words of a node.

import type { SubnetIntent } from './instance-messages.ts';
import type { VpcIntent } from './network-messages.ts';

/** VPCs of which the host itself routes no subnet: each has a name space of its own on a node. */
export function findApart(
  vpcs: readonly VpcIntent[],
  onHost: readonly SubnetIntent[],
): VpcIntent[] {
  const ids = new Set(onHost.map(({ id }) => id));
  return vpcs.filter(({ subnets }) => !subnets.some(({ id }) => ids.has(id)));
}

/** A VPC's subnets as a node builds them. */
export function subnetsOf(vpc: VpcIntent): SubnetIntent[] {
  const domain = vpc.nameDomain ?? vpc.dhcp.domainName;
  return vpc.subnets.map(({ id, cidr, gatewayIp }) => ({
    ...{ id, cidr, gatewayIp, vpcCidr: vpc.cidrs[0]!, domain },
  }));
}
