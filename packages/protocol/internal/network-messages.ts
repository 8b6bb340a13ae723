// Owns what a node is told of the network: each VPC whole, with its routes, groups and ports, the same on every node.

import type { InterfaceId, NodeId, SecurityGroupId, SubnetId, VpcId } from '@ironbark/core/ids.ts';

/** Where packets to a destination go. What is not there any more takes them and answers nothing, as EC2's `blackhole`. */
export type RouteTarget =
  | { kind: 'local' }
  /**
   * Through the internet gateway, for ports that have a public address. Where `masquerades`, the others go out by
   * their host's own address and nobody outside can call them: default VPCs, whose guests always could.
   */
  | { kind: 'internet'; masquerades?: boolean }
  /** Through a NAT gateway: translated to its public address. */
  | { kind: 'nat'; publicIp: string }
  | { kind: 'interface'; interfaceId: InterfaceId }
  /** To the guests of another VPC, if each of the two names the other in `peers`. */
  | { kind: 'peering'; vpcId: VpcId }
  | { kind: 'blackhole' };

export interface RouteIntent {
  /** An IPv4 block; the longest that has an address wins. Nothing but a VPC's own blocks is routed by IPv6. */
  destination: string;
  target: RouteTarget;
}

/** One entry of a network ACL. The lowest number that matches decides; after the last one everything is refused. */
export interface AclEntryIntent {
  ruleNumber: number;
  isEgress: boolean;
  isAllowed: boolean;
  /** An IANA number, or -1 for all. */
  protocol: number;
  /** Of either family, as its text shows; it matches packets of that one. */
  cidr: string;
  /** Both ends included; for ICMP type and code, -1 for all; absent: all. */
  ports?: { from: number; to: number };
}

export interface SubnetIpv6 {
  /** A /64. */
  cidr: string;
  /** The node's own address in it. */
  gatewayIp: string;
}

export interface SubnetNetworkIntent {
  id: SubnetId;
  cidr: string;
  /** The host's address in the subnet: the guests' router, name server and metadata service. */
  gatewayIp: string;
  /** Absent: it has no IPv6. */
  ipv6?: SubnetIpv6;
  routes: RouteIntent[];
  acl: AclEntryIntent[];
}

/** What one rule of a group lets through; replies to what was let through are let through too. */
export interface GroupRuleIntent {
  /** An IANA number, or -1 for all. */
  protocol: number;
  /** Both ends included; for ICMP type and code, -1 for all; absent: all. */
  ports?: { from: number; to: number };
  /** The other end: a block of addresses of either family, or whoever has a port in a group (of this VPC or of one it is peered with). */
  peer: { kind: 'cidr'; cidr: string } | { kind: 'group'; groupId: SecurityGroupId };
}

export interface SecurityGroupIntent {
  id: SecurityGroupId;
  ingress: GroupRuleIntent[];
  egress: GroupRuleIntent[];
}

/** An interface of an instance, wherever it runs. */
export interface PortIntent {
  interfaceId: InterfaceId;
  subnetId: SubnetId;
  /** Undefined while its instance has no node. */
  nodeId: NodeId | undefined;
  /** Lower case, colons. */
  macAddress: string;
  /** The primary one first. */
  privateIps: string[];
  /** As RFC 5952 writes them, the first one first; absent: none. */
  ipv6Addresses?: string[];
  /** One to one, both ways. */
  publicIps: { privateIp: string; publicIp: string }[];
  groupIds: SecurityGroupId[];
  /** When false it may send and get packets of addresses that are not its own, as a router does. */
  checksSource: boolean;
}

/** How a node is reached by the others: frames of its guests come from this IPv4 address and go there. */
export interface NodeLocation {
  nodeId: NodeId;
  underlayAddress: string;
}

export interface DhcpIntent {
  /** Several are separated by spaces. */
  domainName: string;
  /** `AmazonProvidedDNS` is the subnet's own gateway. */
  domainNameServers: string[];
  ntpServers: string[];
  /** Absent where nothing is said of NetBIOS. */
  netbios?: {
    servers: string[];
    /** Of RFC 2132, 8.7: 1, 2, 4 or 8. */
    nodeType?: number;
  };
}

export interface VpcIntent {
  id: VpcId;
  /** The VXLAN network that carries it between nodes: 1 to 2^24 - 1, one for each VPC of the cloud. */
  networkNumber: number;
  cidrs: string[];
  /** Absent: none. */
  ipv6Cidrs?: string[];
  /** The gateway answers names. */
  hasDns: boolean;
  dhcp: DhcpIntent;
  /** Of its guests' private names, whatever domain they are told to search; absent: that one. */
  nameDomain?: string;
  subnets: SubnetNetworkIntent[];
  groups: SecurityGroupIntent[];
  ports: PortIntent[];
  /** Of the nodes that have ports of it or of a peer, itself included; a port of a node that is not here is reached on that node alone. */
  locations?: NodeLocation[];
  /** VPCs that it has an active peering with; absent: none. Who has a port of it is told of those, too. */
  peers?: VpcId[];
  /** What has a flow log: the VPC itself, subnets or interfaces of it; absent: nothing. */
  logged?: (VpcId | SubnetId | InterfaceId)[];
}
