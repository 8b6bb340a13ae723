// Owns the queries on internet gateways.

import type { AccountId, InternetGatewayId, VpcId } from '@ironbark/core/ids.ts';
import type { InternetGatewayRow } from './network-schema.ts';
import type { Queries } from './store.ts';

export function listInternetGateways(
  db: Queries,
  accountId: AccountId,
): Promise<InternetGatewayRow[]> {
  return db.selectFrom('internetGateway').selectAll().where('accountId', '=', accountId).execute();
}

export function findGatewayOf(db: Queries, vpcId: VpcId): Promise<InternetGatewayRow | undefined> {
  return db.selectFrom('internetGateway').selectAll().where('vpcId', '=', vpcId).executeTakeFirst();
}

export async function insertInternetGateway(db: Queries, row: InternetGatewayRow): Promise<void> {
  await db.insertInto('internetGateway').values(row).execute();
}

export async function setGatewayVpc(
  db: Queries,
  id: InternetGatewayId,
  vpcId: VpcId | null,
): Promise<void> {
  await db.updateTable('internetGateway').set({ vpcId }).where('id', '=', id).execute();
}

export async function deleteInternetGateway(db: Queries, id: InternetGatewayId): Promise<void> {
  await db.deleteFrom('internetGateway').where('id', '=', id).execute();
}
