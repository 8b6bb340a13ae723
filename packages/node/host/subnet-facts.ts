// Owns what a VPC says of one of its subnets, in the words of the rules: who leaves it, and under which address.

import type { SubnetId } from '@ironbark/core/ids.ts';
import { parseCidr } from '@ironbark/core/ipv4.ts';
import type {
  AclEntryIntent,
  RouteIntent,
  SubnetIpv6,
  VpcIntent,
} from '@ironbark/protocol/internal/network-messages.ts';
import type { PeerRules } from './peering-plan.ts';

export interface SubnetRules {
  bridge: string;
  cidr: string;
  gatewayIp: string;
  vpcCidr: string;
  /** Subnets of one VPC reach each other; one that says nothing is alone. */
  vpcId?: string;
  /** Destinations that leave under another address, a NAT gateway's or the host's, the longest first. */
  translated?: readonly { destination: string; publicIp?: string }[];
  acl?: readonly AclEntryIntent[];
  /** Which of its guests a route leads out of the VPC; all when absent. */
  leaving?: 'all' | 'public' | 'none';
  /** What leads to its VPC's ports on other nodes; absent: all are here. */
  overlay?: string;
  /** Ways to VPCs that its own is peered with; absent: none. */
  peers?: readonly PeerRules[];
  /** Addresses of the guests that have volumes over NBD; none when absent. */
  nbdGuests?: readonly string[];
  /** Absent: none. */
  ipv6?: SubnetIpv6;
}

type SaidOfSubnet = Pick<SubnetRules, 'vpcId' | 'acl' | 'ipv6' | 'translated' | 'leaving'>;

export function describeSubnet(vpcs: readonly VpcIntent[], id: SubnetId): SaidOfSubnet {
  const vpc = vpcs.find(({ subnets }) => subnets.some((subnet) => subnet.id === id));
  const subnet = vpc?.subnets.find((each) => each.id === id);
  if (vpc === undefined || subnet === undefined) return {};
  const { acl, ipv6, routes } = subnet;
  return { vpcId: vpc.id, acl, ...(ipv6 && { ipv6 }), ...describeRoutes(routes) };
}

function describeRoutes(routes: readonly RouteIntent[]) {
  const translated = routes.flatMap(({ destination, target }) => {
    if (target.kind === 'nat') return [{ destination, publicIp: target.publicIp }];
    return target.kind === 'internet' && target.masquerades === true ? [{ destination }] : [];
  });
  const isPublic = routes.some(({ target }) => target.kind === 'internet');
  const leaving: 'all' | 'public' | 'none' = isPublic ? 'public' : 'none';
  return {
    translated: longestFirst(translated),
    leaving: translated.length > 0 ? ('all' as const) : leaving,
  };
}

function longestFirst<Route extends { destination: string }>(routes: readonly Route[]): Route[] {
  const length = ({ destination }: Route) => parseCidr(destination)?.prefix ?? 0;
  return routes.toSorted((a, b) => length(b) - length(a));
}
