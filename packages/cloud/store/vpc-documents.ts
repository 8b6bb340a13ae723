// Owns reading everything that the document of one VPC is made of.

import type { InterfaceId, NodeId, SecurityGroupId, VpcId } from '@ironbark/core/ids.ts';
import { listAddressesInVpc, listAddressesOn } from './addresses.ts';
import { findDhcpOptions } from './dhcp-options.ts';
import type { FlowLogRow } from './flow-log-schema.ts';
import { listLoggedOf } from './flow-logs.ts';
import { inParts } from './in-parts.ts';
import { listAddressesOfAny, listInterfaceAddressesOfVpc } from './interface-addresses.ts';
import { findGatewayOf } from './internet-gateways.ts';
import {
  listIpv6AddressesOfAny,
  listIpv6AddressesOfVpc,
  listIpv6CidrsOf,
  listSubnetIpv6CidrsOf,
} from './ipv6.ts';
import type {
  InterfaceIpv6AddressTable,
  SubnetIpv6CidrTable,
  VpcIpv6CidrTable,
} from './ipv6-schema.ts';
import { listNatGatewaysOf } from './nat-gateways.ts';
import { listAclsOf, listEntriesOfVpc } from './network-acls.ts';
import type {
  AddressRow,
  DhcpOptionsRow,
  InterfaceAddressTable,
  InternetGatewayRow,
  NatGatewayRow,
  NetworkAclEntryRow,
  NetworkAclRow,
  RouteRow,
  RouteTableAssociationRow,
  VpcCidrRow,
  VpcPeeringRow,
} from './network-schema.ts';
import { findVpc } from './networks.ts';
import { listAssociationsOf, listRoutesOfVpc } from './route-tables.ts';
import type {
  InterfaceRow,
  SecurityGroupRow,
  SecurityGroupRuleRow,
  SubnetRow,
  VpcRow,
} from './schema.ts';
import { listGroupsOfVpc } from './security-groups.ts';
import type { Queries } from './store.ts';
import { listPeeringsOf } from './vpc-peerings.ts';
import { listCidrsOf } from './vpcs.ts';

export type PortRow = Pick<
  InterfaceRow,
  'id' | 'subnetId' | 'macAddress' | 'privateIp' | 'sourceDestCheck'
> & { nodeId: NodeId | null };

export interface PortRows {
  /** Those that an instance has. */
  ports: PortRow[];
  memberships: { interfaceId: InterfaceId; groupId: SecurityGroupId }[];
  morePrivateIps: InterfaceAddressTable[];
  addresses: AddressRow[];
  ipv6Addresses: InterfaceIpv6AddressTable[];
}

export interface VpcRows extends PortRows {
  vpc: VpcRow;
  cidrs: VpcCidrRow[];
  ipv6Cidrs: VpcIpv6CidrTable[];
  subnetIpv6Cidrs: SubnetIpv6CidrTable[];
  subnets: SubnetRow[];
  associations: RouteTableAssociationRow[];
  routes: RouteRow[];
  gateway: InternetGatewayRow | undefined;
  nats: NatGatewayRow[];
  acls: NetworkAclRow[];
  aclEntries: NetworkAclEntryRow[];
  /** Absent: the cloud's own. */
  dhcp: DhcpOptionsRow | undefined;
  groups: SecurityGroupRow[];
  rules: SecurityGroupRuleRow[];
  /** Ports that routes lead to. */
  targets: InterfaceId[];
  /** Active ones. */
  peerings: VpcPeeringRow[];
  /** What has a flow log. */
  logged: FlowLogRow['resourceId'][];
}

/**
 * Undefined when there is no such VPC. One read of each table, however many ports there are; with `only`, of ports those
 * alone. The VPC's row is read first: the others are of its generation or newer.
 */
export async function loadVpcRows(
  db: Queries,
  id: VpcId,
  only?: readonly InterfaceId[],
): Promise<VpcRows | undefined> {
  const vpc = await findVpc(db, id);
  if (vpc === undefined) return undefined;
  const routes = await listRoutesOfVpc(db, id);
  return {
    ...{ vpc, routes },
    cidrs: await listCidrsOf(db, id),
    ipv6Cidrs: await listIpv6CidrsOf(db, id),
    subnetIpv6Cidrs: await listSubnetIpv6CidrsOf(db, id),
    subnets: await listSubnetsOf(db, id),
    associations: await listAssociationsOf(db, id),
    gateway: await findGatewayOf(db, id),
    nats: await listNatGatewaysOf(db, id),
    acls: await listAclsOf(db, id),
    aclEntries: await listEntriesOfVpc(db, id),
    dhcp: vpc.dhcpOptionsId === null ? undefined : await findDhcpOptions(db, vpc.dhcpOptionsId),
    groups: await listGroupsOfVpc(db, id),
    rules: await listRulesOfVpc(db, id),
    targets: await listTargets(db, id, routes),
    peerings: (await listPeeringsOf(db, id)).filter(({ status }) => status === 'active'),
    logged: await listLoggedOf(db, id),
    ...(only === undefined ? await loadPorts(db, id) : await loadSomePorts(db, id, only)),
  };
}

async function loadPorts(db: Queries, id: VpcId): Promise<PortRows> {
  return {
    ports: await portsOf(db, id).execute(),
    memberships: await listMemberships(db, id),
    morePrivateIps: await listInterfaceAddressesOfVpc(db, id),
    addresses: await listAddressesInVpc(db, id),
    ipv6Addresses: await listIpv6AddressesOfVpc(db, id),
  };
}

async function loadSomePorts(
  db: Queries,
  id: VpcId,
  only: readonly InterfaceId[],
): Promise<PortRows> {
  return {
    ports: await inParts(only, (some) =>
      portsOf(db, id).where('networkInterface.id', 'in', some).execute(),
    ),
    memberships: await inParts(only, (some) =>
      db
        .selectFrom('interfaceGroup')
        .select(['interfaceId', 'groupId'])
        .where('interfaceId', 'in', some)
        .orderBy('groupId')
        .execute(),
    ),
    morePrivateIps: await listAddressesOfAny(db, only),
    addresses: await listAddressesOn(db, only),
    ipv6Addresses: await listIpv6AddressesOfAny(db, only),
  };
}

/** Interfaces that some instance has, and a route leads to. */
async function listTargets(
  db: Queries,
  id: VpcId,
  routes: readonly RouteRow[],
): Promise<InterfaceId[]> {
  const ids = routes.map(({ targetId }) => targetId as InterfaceId);
  const rows = await inParts([...new Set(ids)], (some) =>
    portsOf(db, id).where('networkInterface.id', 'in', some).execute(),
  );
  return rows.map((row) => row.id);
}

function listSubnetsOf(db: Queries, id: VpcId): Promise<SubnetRow[]> {
  return db.selectFrom('subnet').selectAll().where('vpcId', '=', id).orderBy('id').execute();
}

function listRulesOfVpc(db: Queries, id: VpcId): Promise<SecurityGroupRuleRow[]> {
  return db
    .selectFrom('securityGroupRule')
    .innerJoin('securityGroup', 'securityGroup.id', 'securityGroupRule.groupId')
    .selectAll('securityGroupRule')
    .where('securityGroup.vpcId', '=', id)
    .orderBy('securityGroupRule.id')
    .execute();
}

function portsOf(db: Queries, id: VpcId) {
  return db
    .selectFrom('networkInterface')
    .innerJoin('instance', 'instance.id', 'networkInterface.instanceId')
    .select([
      'networkInterface.id',
      'networkInterface.subnetId',
      'networkInterface.macAddress',
      'networkInterface.privateIp',
      'networkInterface.sourceDestCheck',
      'instance.nodeId',
    ])
    .where('networkInterface.vpcId', '=', id)
    .orderBy('networkInterface.id');
}

function listMemberships(db: Queries, id: VpcId): Promise<PortRows['memberships']> {
  return db
    .selectFrom('interfaceGroup')
    .innerJoin('networkInterface', 'networkInterface.id', 'interfaceGroup.interfaceId')
    .select(['interfaceGroup.interfaceId', 'interfaceGroup.groupId'])
    .where('networkInterface.vpcId', '=', id)
    .orderBy('interfaceGroup.groupId')
    .execute();
}
