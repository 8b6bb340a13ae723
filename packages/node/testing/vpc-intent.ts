// Owns VPCs for tests of the host's network: one with everything that a VPC has, and what a test says otherwise.

import type { SecurityGroupId, SubnetId, VpcId } from '@ironbark/core/ids.ts';
import type {
  AclEntryIntent,
  GroupRuleIntent,
  PortIntent,
  RouteIntent,
  SecurityGroupIntent,
  VpcIntent,
} from '@ironbark/protocol/internal/network-messages.ts';
import type { PortSpec } from '../host/host-network.ts';

export const ALL_IN: GroupRuleIntent = { protocol: -1, peer: { kind: 'cidr', cidr: '0.0.0.0/0' } };

export const ALLOW_ALL: AclEntryIntent[] = [false, true].map((isEgress) => ({
  ...{ ruleNumber: 100, isEgress, isAllowed: true, protocol: -1, cidr: '0.0.0.0/0' },
}));

export function groupId(number: number): SecurityGroupId {
  return `sg-${number.toString(16).padStart(17, '0')}`;
}

export function vpcId(number: number): VpcId {
  return `vpc-${number.toString(16).padStart(17, '0')}`;
}

/** Lets everything out unless told otherwise, as a new group does. */
export function group(
  number: number,
  ingress: GroupRuleIntent[] = [],
  egress: GroupRuleIntent[] = [ALL_IN],
): SecurityGroupIntent {
  return { id: groupId(number), ingress, egress };
}

export function fromGroup(number: number, protocol = -1): GroupRuleIntent {
  return { protocol, peer: { kind: 'group', groupId: groupId(number) } };
}

export function fromCidr(protocol: number, port: number, cidr = '0.0.0.0/0'): GroupRuleIntent {
  return { protocol, ports: { from: port, to: port }, peer: { kind: 'cidr', cidr } };
}

export function portIntent(
  port: PortSpec,
  groups: readonly number[],
  changes: Partial<PortIntent> = {},
): PortIntent {
  return {
    interfaceId: port.interfaceId,
    subnetId: port.subnet.id,
    nodeId: 'node-1',
    macAddress: port.macAddress,
    privateIps: [port.privateIp],
    publicIps: [],
    groupIds: groups.map(groupId),
    checksSource: true,
    ...changes,
  };
}

export interface VpcShape {
  number: number;
  cidr: string;
  subnets: {
    id: SubnetId;
    cidr: string;
    gatewayIp: string;
    routes?: RouteIntent[];
    acl?: AclEntryIntent[];
  }[];
  groups?: SecurityGroupIntent[];
  ports?: PortIntent[];
}

export function vpcIntent({ number, cidr, subnets, groups = [], ports = [] }: VpcShape): VpcIntent {
  return {
    id: vpcId(number),
    networkNumber: number,
    cidrs: [cidr],
    hasDns: true,
    dhcp: { domainName: 'ec2.internal', domainNameServers: ['AmazonProvidedDNS'], ntpServers: [] },
    subnets: subnets.map(({ routes = [], acl = ALLOW_ALL, ...subnet }) => ({
      ...subnet,
      routes: [{ destination: cidr, target: { kind: 'local' } }, ...routes],
      acl,
    })),
    groups,
    ports,
  };
}
