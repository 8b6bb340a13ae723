// Owns the document that tells nodes what one VPC is to be, composed from its rows.

import type { InterfaceId, SubnetId } from '@ironbark/core/ids.ts';
import { parseBlock, renderIpv4 } from '@ironbark/core/ipv4.ts';
import { isIpv6Text, parseBlock6, renderIpv6 } from '@ironbark/core/ipv6.ts';
import type {
  AclEntryIntent,
  GroupRuleIntent,
  PortIntent,
  RouteIntent,
  RouteTarget,
  SecurityGroupIntent,
  SubnetNetworkIntent,
  VpcIntent,
} from '@ironbark/protocol/internal/network-messages.ts';
import type { VpcChange, VpcFrame } from '@ironbark/protocol/internal/vpc-changes.ts';
import type { NetworkAclEntryRow, RouteRow } from '../store/network-schema.ts';
import type { SecurityGroupRuleRow, SubnetRow } from '../store/schema.ts';
import type { VpcRows } from '../store/vpc-documents.ts';
import { privateDomain } from './addresses.ts';
import { composeDhcp } from './dhcp-options.ts';
import { aclOf } from './network-acls.ts';
import { peerOf } from './peering-view.ts';

export function composeVpc(rows: VpcRows, region: string): VpcIntent {
  return { ...composeFrame(rows, region), ports: composePorts(rows) };
}

/** What has changed of it since a generation, given the interfaces that have: those that are no ports are gone. */
export function composeChange(
  rows: VpcRows,
  region: string,
  { changed, ...versions }: { since: number; generation: number; changed: readonly InterfaceId[] },
): VpcChange {
  const ports = composePorts(rows);
  const there = new Set(ports.map(({ interfaceId }) => interfaceId));
  const gone = changed.filter((id) => !there.has(id));
  return { ...versions, frame: composeFrame(rows, region), ports, gone };
}

function composeFrame(rows: VpcRows, region: string): VpcFrame {
  const { vpc } = rows;
  const peers = rows.peerings.map((row) => peerOf(row, vpc.id)).sort();
  return {
    id: vpc.id,
    networkNumber: vpc.networkNumber,
    cidrs: rows.cidrs.map(({ cidr }) => cidr),
    ...(rows.ipv6Cidrs.length === 0 ? {} : { ipv6Cidrs: rows.ipv6Cidrs.map(({ cidr }) => cidr) }),
    hasDns: vpc.enableDnsSupport === 1,
    dhcp: composeDhcp(rows.dhcp, privateDomain(region)),
    nameDomain: privateDomain(region),
    subnets: rows.subnets.map((subnet) => composeSubnet(rows, subnet)),
    groups: composeGroups(rows),
    ...(peers.length === 0 ? {} : { peers }),
    ...(rows.logged.length === 0 ? {} : { logged: rows.logged }),
  };
}

function composeSubnet(rows: VpcRows, subnet: SubnetRow): SubnetNetworkIntent {
  const { id, cidr } = subnet;
  const gatewayIp = renderIpv4(parseBlock(cidr)!.base + 1);
  return {
    id,
    cidr,
    gatewayIp,
    ...composeSubnetIpv6(rows, id),
    routes: composeRoutes(rows, subnet),
    acl: composeAcl(rows, subnet),
  };
}

/** The gateway is the first address, as of IPv4. */
function composeSubnetIpv6(rows: VpcRows, id: SubnetId): Pick<SubnetNetworkIntent, 'ipv6'> {
  const cidr = rows.subnetIpv6Cidrs.find(({ subnetId }) => subnetId === id)?.cidr;
  if (cidr === undefined) return {};
  return { ipv6: { cidr, gatewayIp: renderIpv6(parseBlock6(cidr)!.base + 1n) } };
}

/** Of the table that the subnet follows; the VPC's own blocks are in every table. */
function composeRoutes(rows: VpcRows, { id }: SubnetRow): RouteIntent[] {
  const { associations } = rows;
  const main = associations.find((one) => one.subnetId === null);
  const own = associations.find((one) => one.subnetId === id) ?? main;
  const local = rows.cidrs.map(
    ({ cidr }): RouteIntent => ({ destination: cidr, target: { kind: 'local' } }),
  );
  const made = rows.routes
    .filter((route) => route.routeTableId === own?.routeTableId)
    // Nothing leads out of a VPC by IPv6, and between its subnets there is always a way.
    .filter(({ destination }) => !isIpv6Text(destination))
    .map((route) => ({ destination: route.destination, target: composeTarget(rows, route) }));
  return [...local, ...made];
}

function composeTarget(rows: VpcRows, { targetId }: RouteRow): RouteTarget {
  if (rows.gateway?.id === targetId) {
    return { kind: 'internet', ...(rows.vpc.masquerades === 1 ? { masquerades: true } : {}) };
  }
  const nat = rows.nats.find((one) => one.id === targetId);
  if (nat !== undefined) return { kind: 'nat', publicIp: nat.publicIp };
  const peering = rows.peerings.find(({ id }) => id === targetId);
  if (peering !== undefined) return { kind: 'peering', vpcId: peerOf(peering, rows.vpc.id) };
  const port = rows.targets.find((id) => id === targetId);
  if (port !== undefined) return { kind: 'interface', interfaceId: port };
  return { kind: 'blackhole' };
}

function composeAcl({ acls, aclEntries }: VpcRows, subnet: SubnetRow): AclEntryIntent[] {
  const { id } = aclOf(acls, subnet);
  return aclEntries.filter(({ aclId }) => aclId === id).map(composeEntry);
}

function composeEntry(row: NetworkAclEntryRow): AclEntryIntent {
  const { ruleNumber, protocol, cidr, fromPort, toPort } = row;
  const isWhole = fromPort === null || toPort === null;
  return {
    ...{ ruleNumber, protocol, cidr },
    isEgress: row.isEgress === 1,
    isAllowed: row.isAllowed === 1,
    ...(isWhole ? {} : { ports: { from: fromPort, to: toPort } }),
  };
}

function composeGroups({ groups, rules }: VpcRows): SecurityGroupIntent[] {
  const ofGroup = Map.groupBy(rules, (rule) => rule.groupId);
  return groups.map(({ id }) => {
    const own = ofGroup.get(id) ?? [];
    const oneWay = (isEgress: 0 | 1) =>
      own.filter((rule) => rule.isEgress === isEgress).flatMap(composeRule);
    return { id, ingress: oneWay(0), egress: oneWay(1) };
  });
}

function composeRule(rule: SecurityGroupRuleRow): GroupRuleIntent[] {
  const { sourceGroupId, fromPort, toPort } = rule;
  const cidr = rule.cidrIpv4 ?? rule.cidrIpv6;
  const protocol = Number(PROTOCOL_NUMBERS[rule.protocol] ?? rule.protocol);
  const hasPorts = Object.hasOwn(PROTOCOL_NUMBERS, rule.protocol);
  const isWhole = !hasPorts || fromPort === null || toPort === null;
  const ports = isWhole ? {} : { ports: { from: fromPort, to: toPort } };
  if (sourceGroupId !== null) {
    return [{ protocol, ...ports, peer: { kind: 'group', groupId: sourceGroupId } }];
  }
  if (cidr === null) return [];
  return [{ protocol, ...ports, peer: { kind: 'cidr', cidr } }];
}

/** Those that EC2 stores by name, and whose ports it heeds. */
const PROTOCOL_NUMBERS: Readonly<Record<string, number>> = {
  tcp: 6,
  udp: 17,
  icmp: 1,
  icmpv6: 58,
};

function composePorts(rows: VpcRows): PortIntent[] {
  const groups = Map.groupBy(rows.memberships, (one) => one.interfaceId);
  const more = Map.groupBy(rows.morePrivateIps, (one) => one.interfaceId);
  const ipv6 = Map.groupBy(rows.ipv6Addresses, (one) => one.interfaceId);
  const publicIps = Map.groupBy(rows.addresses, (one) => one.interfaceId);
  return rows.ports.map((port) => ({
    interfaceId: port.id,
    subnetId: port.subnetId,
    nodeId: port.nodeId ?? undefined,
    macAddress: port.macAddress,
    privateIps: [port.privateIp, ...(more.get(port.id) ?? []).map((one) => one.privateIp)],
    ...(ipv6.has(port.id) && { ipv6Addresses: ipv6.get(port.id)!.map((one) => one.address) }),
    publicIps: (publicIps.get(port.id) ?? []).map(({ privateIp, publicIp }) => ({
      privateIp: privateIp!,
      publicIp,
    })),
    groupIds: (groups.get(port.id) ?? []).map((one) => one.groupId),
    checksSource: port.sourceDestCheck === 1,
  }));
}
