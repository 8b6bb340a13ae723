// Owns the rules of route tables: which subnet follows which, and what keeps one from being deleted.

import type {
  AccountId,
  RouteTableAssociationId,
  RouteTableId,
  SubnetId,
  VpcId,
} from '@ironbark/core/ids.ts';
import { newId } from '@ironbark/platform/random.ts';
import type { RouteTableAssociationRow, RouteTableRow } from '../store/network-schema.ts';
import {
  deleteAssociation,
  deleteRouteTable,
  insertAssociation,
  insertRouteTable,
  listAssociations,
  listAssociationsOf,
  listRouteTables,
  listRouteTablesOf,
} from '../store/route-tables.ts';
import type { Queries } from '../store/store.ts';
import { deleteTags } from '../store/tags.ts';
import type { App } from './app.ts';
import type { Caller, Change } from './change.ts';
import { getVpc } from './find-vpc.ts';
import { invalidValue, refuse } from './refusals.ts';
import { matchIds, ROUTE_TABLE, ROUTE_TABLE_ASSOCIATION } from './resource-ids.ts';
import { getSubnet } from './subnets.ts';
import { setTags, type Tag } from './tags.ts';
import { touchVpc } from './vpc-changes.ts';

/** "Amazon VPC quotas": route tables per VPC. */
const MAX_TABLES = 200;

export async function getRouteTable(
  tx: Queries,
  accountId: AccountId,
  id: RouteTableId,
): Promise<RouteTableRow> {
  return matchIds(ROUTE_TABLE, [id], await listRouteTables(tx, accountId))[0]!;
}

export async function createRouteTable(
  app: App,
  { accountId }: Caller,
  { tx }: Change,
  { vpcId, tags }: { vpcId: VpcId; tags: readonly Tag[] },
): Promise<RouteTableRow> {
  await getVpc(tx, accountId, vpcId);
  if ((await listRouteTablesOf(tx, vpcId)).length >= MAX_TABLES) {
    throw refuse('limit-exceeded', 'route-table', `A VPC can have ${MAX_TABLES} route tables.`);
  }
  const row = { id: newId(app.random, 'rtb'), accountId, vpcId };
  await insertRouteTable(tx, row);
  await setTags(tx, accountId, row.id, tags);
  return row;
}

/** The main one, and any that a subnet follows, stays. */
export async function removeRouteTable(
  { accountId }: Caller,
  { tx }: Change,
  id: RouteTableId,
): Promise<void> {
  const table = await getRouteTable(tx, accountId, id);
  const associations = await listAssociationsOf(tx, table.vpcId);
  if (associations.some((one) => one.routeTableId === id)) {
    throw refuse(
      'dependency-violation',
      'route-table',
      `The routeTable '${id}' has dependencies and cannot be deleted.`,
    );
  }
  await deleteRouteTable(tx, id);
  await deleteTags(tx, id);
}

export async function associateRouteTable(
  app: App,
  caller: Caller,
  change: Change,
  { routeTableId, subnetId }: { routeTableId: RouteTableId; subnetId: SubnetId },
): Promise<RouteTableAssociationId> {
  const { tx } = change;
  const { accountId } = caller;
  const table = await getRouteTable(tx, accountId, routeTableId);
  const subnet = await getSubnet(change, caller, subnetId);
  if (subnet.vpcId !== table.vpcId) throw differentNetworks(routeTableId, subnetId);
  const associations = await listAssociationsOf(tx, table.vpcId);
  const known = associations.find((one) => one.subnetId === subnetId);
  if (known?.routeTableId === routeTableId) return known.id;
  if (known !== undefined) {
    throw refuse(
      'already-attached',
      'route-table',
      `the specified association for route table ${routeTableId} conflicts with an existing association`,
    );
  }
  const { vpcId } = table;
  const id = newId(app.random, 'rtbassoc');
  await insertAssociation(tx, { id, accountId, vpcId, routeTableId, subnetId });
  await touchVpc(change, vpcId);
  return id;
}

function differentNetworks(routeTableId: string, other: string): Error {
  return invalidValue(
    'routeTableId',
    routeTableId,
    `route table ${routeTableId} and ${other} belong to different networks`,
  );
}

async function getAssociation(
  tx: Queries,
  accountId: AccountId,
  id: RouteTableAssociationId,
): Promise<RouteTableAssociationRow> {
  return matchIds(ROUTE_TABLE_ASSOCIATION, [id], await listAssociations(tx, accountId))[0]!;
}

export async function disassociateRouteTable(
  { accountId }: Caller,
  change: Change,
  id: RouteTableAssociationId,
): Promise<void> {
  const association = await getAssociation(change.tx, accountId, id);
  if (association.subnetId === null) {
    throw invalidValue(
      'associationId',
      id,
      'cannot disassociate the main route table association.',
    );
  }
  await deleteAssociation(change.tx, id);
  await touchVpc(change, association.vpcId);
}

/** Of the main association too: the VPC has another main route table then. */
export async function replaceAssociation(
  app: App,
  { accountId }: Caller,
  change: Change,
  wanted: { id: RouteTableAssociationId; routeTableId: RouteTableId },
): Promise<RouteTableAssociationId> {
  const { tx } = change;
  const association = await getAssociation(tx, accountId, wanted.id);
  const table = await getRouteTable(tx, accountId, wanted.routeTableId);
  if (table.vpcId !== association.vpcId) throw differentNetworks(table.id, association.vpcId);
  if (association.routeTableId === table.id) return association.id;
  const id = newId(app.random, 'rtbassoc');
  await deleteAssociation(tx, association.id);
  await insertAssociation(tx, { ...association, id, routeTableId: table.id });
  await touchVpc(change, association.vpcId);
  return id;
}
