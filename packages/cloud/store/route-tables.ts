// Owns the queries on route tables, their routes, and which subnet follows which.

import type {
  AccountId,
  RouteTableAssociationId,
  RouteTableId,
  SubnetId,
  VpcId,
} from '@ironbark/core/ids.ts';
import type { RouteRow, RouteTableAssociationRow, RouteTableRow } from './network-schema.ts';
import type { Queries } from './store.ts';

export function listRouteTables(db: Queries, accountId: AccountId): Promise<RouteTableRow[]> {
  return db.selectFrom('routeTable').selectAll().where('accountId', '=', accountId).execute();
}

export function listRouteTablesOf(db: Queries, vpcId: VpcId): Promise<RouteTableRow[]> {
  return db.selectFrom('routeTable').selectAll().where('vpcId', '=', vpcId).execute();
}

export async function insertRouteTable(db: Queries, row: RouteTableRow): Promise<void> {
  await db.insertInto('routeTable').values(row).execute();
}

/** With its routes. */
export async function deleteRouteTable(db: Queries, id: RouteTableId): Promise<void> {
  await db.deleteFrom('route').where('routeTableId', '=', id).execute();
  await db.deleteFrom('routeTable').where('id', '=', id).execute();
}

export function listAssociations(
  db: Queries,
  accountId: AccountId,
): Promise<RouteTableAssociationRow[]> {
  return db
    .selectFrom('routeTableAssociation')
    .selectAll()
    .where('accountId', '=', accountId)
    .orderBy('id')
    .execute();
}

export function listAssociationsOf(db: Queries, vpcId: VpcId): Promise<RouteTableAssociationRow[]> {
  return db
    .selectFrom('routeTableAssociation')
    .selectAll()
    .where('vpcId', '=', vpcId)
    .orderBy('id')
    .execute();
}

export async function insertAssociation(db: Queries, row: RouteTableAssociationRow): Promise<void> {
  await db.insertInto('routeTableAssociation').values(row).execute();
}

export async function deleteAssociation(db: Queries, id: RouteTableAssociationId): Promise<void> {
  await db.deleteFrom('routeTableAssociation').where('id', '=', id).execute();
}

export async function deleteAssociationsOfSubnet(db: Queries, id: SubnetId): Promise<void> {
  await db.deleteFrom('routeTableAssociation').where('subnetId', '=', id).execute();
}

export async function deleteAssociationsOfVpc(db: Queries, id: VpcId): Promise<void> {
  await db.deleteFrom('routeTableAssociation').where('vpcId', '=', id).execute();
}

/** Of all tables of an account's VPCs. */
export function listRoutes(db: Queries, accountId: AccountId): Promise<RouteRow[]> {
  return db
    .selectFrom('route')
    .innerJoin('routeTable', 'routeTable.id', 'route.routeTableId')
    .selectAll('route')
    .where('routeTable.accountId', '=', accountId)
    .orderBy('destination')
    .execute();
}

export function listRoutesOfVpc(db: Queries, vpcId: VpcId): Promise<RouteRow[]> {
  return db
    .selectFrom('route')
    .innerJoin('routeTable', 'routeTable.id', 'route.routeTableId')
    .selectAll('route')
    .where('routeTable.vpcId', '=', vpcId)
    .orderBy('destination')
    .execute();
}

export function listRoutesOf(db: Queries, id: RouteTableId): Promise<RouteRow[]> {
  return db.selectFrom('route').selectAll().where('routeTableId', '=', id).execute();
}

export async function putRoute(db: Queries, row: RouteRow): Promise<void> {
  await db
    .insertInto('route')
    .values(row)
    .onConflict((c) =>
      c.columns(['routeTableId', 'destination']).doUpdateSet({ targetId: row.targetId }),
    )
    .execute();
}

export async function deleteRoute(
  db: Queries,
  { routeTableId, destination }: Omit<RouteRow, 'targetId'>,
): Promise<void> {
  await db
    .deleteFrom('route')
    .where('routeTableId', '=', routeTableId)
    .where('destination', '=', destination)
    .execute();
}
