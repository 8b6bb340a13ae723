// Owns reading everything that the document of one VPC is made of.

import type { InterfaceId, NodeId, SecurityGroupId, VpcId } from '@ironbark/core/ids.ts';
import { listAddressesInVpc } from './addresses.ts';
import { findDhcpOptions } from './dhcp-options.ts';
import { listInterfaceAddressesOfVpc } from './interface-addresses.ts';
import { findGatewayOf } from './internet-gateways.ts';
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
import { listCidrsOf } from './vpcs.ts';

export type PortRow = Pick<
  InterfaceRow,
  'id' | 'subnetId' | 'macAddress' | 'privateIp' | 'sourceDestCheck'
> & { nodeId: NodeId | null };

export interface VpcRows {
  vpc: VpcRow;
  cidrs: VpcCidrRow[];
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
  /** Those that an instance has. */
  ports: PortRow[];
  memberships: { interfaceId: InterfaceId; groupId: SecurityGroupId }[];
  morePrivateIps: InterfaceAddressTable[];
  addresses: AddressRow[];
}

/**
 * Undefined when there is no such VPC. One read of each table, however many ports there are. The VPC's row is read
 * first: the others are of its generation or newer.
 */
export async function loadVpcRows(db: Queries, id: VpcId): Promise<VpcRows | undefined> {
  const vpc = await findVpc(db, id);
  if (vpc === undefined) return undefined;
  return {
    vpc,
    cidrs: await listCidrsOf(db, id),
    subnets: await listSubnetsOf(db, id),
    associations: await listAssociationsOf(db, id),
    routes: await listRoutesOfVpc(db, id),
    gateway: await findGatewayOf(db, id),
    nats: await listNatGatewaysOf(db, id),
    acls: await listAclsOf(db, id),
    aclEntries: await listEntriesOfVpc(db, id),
    dhcp: vpc.dhcpOptionsId === null ? undefined : await findDhcpOptions(db, vpc.dhcpOptionsId),
    groups: await listGroupsOfVpc(db, id),
    rules: await listRulesOfVpc(db, id),
    ports: await listPorts(db, id),
    memberships: await listMemberships(db, id),
    morePrivateIps: await listInterfaceAddressesOfVpc(db, id),
    addresses: await listAddressesInVpc(db, id),
  };
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

function listPorts(db: Queries, id: VpcId): Promise<PortRow[]> {
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
    .orderBy('networkInterface.id')
    .execute();
}

function listMemberships(db: Queries, id: VpcId): Promise<VpcRows['memberships']> {
  return db
    .selectFrom('interfaceGroup')
    .innerJoin('networkInterface', 'networkInterface.id', 'interfaceGroup.interfaceId')
    .select(['interfaceGroup.interfaceId', 'interfaceGroup.groupId'])
    .where('networkInterface.vpcId', '=', id)
    .orderBy('interfaceGroup.groupId')
    .execute();
}
