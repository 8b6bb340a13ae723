// Owns the queries on IPv6 blocks of VPCs and subnets, addresses of interfaces, and egress-only gateways.

import type {
  AccountId,
  EgressOnlyGatewayId,
  InterfaceId,
  SubnetId,
  VpcId,
} from '@ironbark/core/ids.ts';
import { inParts } from './in-parts.ts';
import type {
  EgressOnlyGatewayTable,
  InterfaceIpv6AddressTable,
  SubnetIpv6CidrTable,
  VpcIpv6CidrTable,
} from './ipv6-schema.ts';
import type { Queries } from './store.ts';

export function listVpcIpv6Cidrs(db: Queries, accountId: AccountId): Promise<VpcIpv6CidrTable[]> {
  return db.selectFrom('vpcIpv6Cidr').selectAll().where('accountId', '=', accountId).execute();
}

export function listIpv6CidrsOf(db: Queries, vpcId: VpcId): Promise<VpcIpv6CidrTable[]> {
  return db
    .selectFrom('vpcIpv6Cidr')
    .selectAll()
    .where('vpcId', '=', vpcId)
    .orderBy('id')
    .execute();
}

/** Of any account. */
export async function isVpcIpv6CidrTaken(db: Queries, cidr: string): Promise<boolean> {
  const row = await db
    .selectFrom('vpcIpv6Cidr')
    .select('id')
    .where('cidr', '=', cidr)
    .executeTakeFirst();
  return row !== undefined;
}

export async function insertVpcIpv6Cidr(db: Queries, row: VpcIpv6CidrTable): Promise<void> {
  await db.insertInto('vpcIpv6Cidr').values(row).execute();
}

export async function deleteVpcIpv6Cidr(
  db: Queries,
  { id }: Pick<VpcIpv6CidrTable, 'id'>,
): Promise<void> {
  await db.deleteFrom('vpcIpv6Cidr').where('id', '=', id).execute();
}

/** Of a VPC that goes. */
export async function deleteIpv6RowsOfVpc(db: Queries, vpcId: VpcId): Promise<void> {
  await db.deleteFrom('vpcIpv6Cidr').where('vpcId', '=', vpcId).execute();
}

export function listSubnetIpv6Cidrs(
  db: Queries,
  accountId: AccountId,
): Promise<SubnetIpv6CidrTable[]> {
  return db.selectFrom('subnetIpv6Cidr').selectAll().where('accountId', '=', accountId).execute();
}

export function listSubnetIpv6CidrsOf(db: Queries, vpcId: VpcId): Promise<SubnetIpv6CidrTable[]> {
  return db.selectFrom('subnetIpv6Cidr').selectAll().where('vpcId', '=', vpcId).execute();
}

export function findIpv6CidrOfSubnet(
  db: Queries,
  subnetId: SubnetId,
): Promise<SubnetIpv6CidrTable | undefined> {
  return db
    .selectFrom('subnetIpv6Cidr')
    .selectAll()
    .where('subnetId', '=', subnetId)
    .executeTakeFirst();
}

export async function insertSubnetIpv6Cidr(db: Queries, row: SubnetIpv6CidrTable): Promise<void> {
  await db.insertInto('subnetIpv6Cidr').values(row).execute();
}

export async function deleteSubnetIpv6Cidr(db: Queries, subnetId: SubnetId): Promise<void> {
  await db.deleteFrom('subnetIpv6Cidr').where('subnetId', '=', subnetId).execute();
}

export async function setAssignIpv6(db: Queries, id: SubnetId, assignIpv6: 0 | 1): Promise<void> {
  await db.updateTable('subnet').set({ assignIpv6 }).where('id', '=', id).execute();
}

/** In the order of their places. */
export function listIpv6AddressesOfAny(
  db: Queries,
  ids: readonly InterfaceId[],
): Promise<InterfaceIpv6AddressTable[]> {
  return inParts(ids, (some) =>
    db
      .selectFrom('interfaceIpv6Address')
      .selectAll()
      .where('interfaceId', 'in', some)
      .orderBy('place')
      .execute(),
  );
}

/** Of every interface in a VPC. */
export function listIpv6AddressesOfVpc(
  db: Queries,
  vpcId: VpcId,
): Promise<InterfaceIpv6AddressTable[]> {
  return db
    .selectFrom('interfaceIpv6Address')
    .innerJoin('networkInterface', 'networkInterface.id', 'interfaceIpv6Address.interfaceId')
    .selectAll('interfaceIpv6Address')
    .where('networkInterface.vpcId', '=', vpcId)
    .orderBy('interfaceIpv6Address.place')
    .execute();
}

export function listIpv6Addresses(
  db: Queries,
  accountId: AccountId,
): Promise<InterfaceIpv6AddressTable[]> {
  return db
    .selectFrom('interfaceIpv6Address')
    .innerJoin('networkInterface', 'networkInterface.id', 'interfaceIpv6Address.interfaceId')
    .selectAll('interfaceIpv6Address')
    .where('networkInterface.accountId', '=', accountId)
    .orderBy('interfaceIpv6Address.place')
    .execute();
}

export async function isIpv6AddressTaken(db: Queries, address: string): Promise<boolean> {
  const row = await db
    .selectFrom('interfaceIpv6Address')
    .select('interfaceId')
    .where('address', '=', address)
    .executeTakeFirst();
  return row !== undefined;
}

export async function hasIpv6AddressesIn(db: Queries, subnetId: SubnetId): Promise<boolean> {
  const row = await db
    .selectFrom('interfaceIpv6Address')
    .select('address')
    .where('subnetId', '=', subnetId)
    .executeTakeFirst();
  return row !== undefined;
}

export async function insertIpv6Address(
  db: Queries,
  row: InterfaceIpv6AddressTable,
): Promise<void> {
  await db.insertInto('interfaceIpv6Address').values(row).execute();
}

export async function deleteIpv6Address(db: Queries, address: string): Promise<void> {
  await db.deleteFrom('interfaceIpv6Address').where('address', '=', address).execute();
}

export async function deleteIpv6AddressesOf(db: Queries, id: InterfaceId): Promise<void> {
  await db.deleteFrom('interfaceIpv6Address').where('interfaceId', '=', id).execute();
}

export function listEgressOnlyGateways(
  db: Queries,
  accountId: AccountId,
): Promise<EgressOnlyGatewayTable[]> {
  return db
    .selectFrom('egressOnlyGateway')
    .selectAll()
    .where('accountId', '=', accountId)
    .execute();
}

export async function insertEgressOnlyGateway(
  db: Queries,
  row: EgressOnlyGatewayTable,
): Promise<void> {
  await db.insertInto('egressOnlyGateway').values(row).execute();
}

export async function deleteEgressOnlyGateway(db: Queries, id: EgressOnlyGatewayId): Promise<void> {
  await db.deleteFrom('egressOnlyGateway').where('id', '=', id).execute();
}
