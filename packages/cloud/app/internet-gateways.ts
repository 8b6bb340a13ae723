// Owns the rules of internet gateways: one for a VPC, and one VPC for each.

import type { AccountId, InternetGatewayId, VpcId } from '@ironbark/core/ids.ts';
import { newId } from '@ironbark/platform/random.ts';
import {
  deleteInternetGateway,
  findGatewayOf,
  insertInternetGateway,
  listInternetGateways,
  setGatewayVpc,
} from '../store/internet-gateways.ts';
import type { InternetGatewayRow } from '../store/network-schema.ts';
import type { Queries } from '../store/store.ts';
import { deleteTags } from '../store/tags.ts';
import type { App } from './app.ts';
import type { Caller, Change } from './change.ts';
import { getVpc } from './find-vpc.ts';
import { hasPublicAddresses } from './public-addresses.ts';
import { QUOTAS } from './quotas/catalogue.ts';
import { requireWithin } from './quotas/limits.ts';
import { refuse } from './refusals.ts';
import { INTERNET_GATEWAY, matchIds } from './resource-ids.ts';
import { setTags, type Tag } from './tags.ts';
import { touchVpc } from './vpc-changes.ts';

export async function createInternetGateway(
  app: App,
  { accountId }: Caller,
  { tx }: Change,
  tags: readonly Tag[],
): Promise<InternetGatewayRow> {
  await requireWithin(tx, accountId, QUOTAS.internetGateways);
  const row = { id: newId(app.random, 'igw'), accountId, vpcId: null };
  await insertInternetGateway(tx, row);
  await setTags(tx, accountId, row.id, tags);
  return row;
}

export async function getInternetGateway(
  tx: Queries,
  accountId: AccountId,
  id: InternetGatewayId,
): Promise<InternetGatewayRow> {
  return matchIds(INTERNET_GATEWAY, [id], await listInternetGateways(tx, accountId))[0]!;
}

export interface GatewayPlace {
  gatewayId: InternetGatewayId;
  vpcId: VpcId;
}

export async function attachGateway(
  { accountId }: Caller,
  change: Change,
  { gatewayId, vpcId }: GatewayPlace,
): Promise<void> {
  const { tx } = change;
  const gateway = await getInternetGateway(tx, accountId, gatewayId);
  await getVpc(tx, accountId, vpcId);
  if (gateway.vpcId !== null) {
    throw refuse(
      'already-attached',
      'internet-gateway',
      `resource ${gatewayId} is already attached to network ${gateway.vpcId}`,
    );
  }
  if ((await findGatewayOf(tx, vpcId)) !== undefined) {
    throw refuse(
      'invalid-parameter',
      'internet-gateway',
      `Network ${vpcId} already has an internet gateway attached`,
    );
  }
  await setGatewayVpc(tx, gatewayId, vpcId);
  await touchVpc(change, vpcId);
}

export async function detachGateway(
  { accountId }: Caller,
  change: Change,
  { gatewayId, vpcId }: GatewayPlace,
): Promise<void> {
  const { tx } = change;
  const gateway = await getInternetGateway(tx, accountId, gatewayId);
  await getVpc(tx, accountId, vpcId);
  if (gateway.vpcId !== vpcId) {
    throw refuse(
      'not-attached',
      'internet-gateway',
      `resource ${gatewayId} is not attached to network ${vpcId}`,
    );
  }
  if (await hasPublicAddresses(tx, vpcId)) {
    throw refuse(
      'dependency-violation',
      'internet-gateway',
      `Network ${vpcId} has some mapped public address(es). Please unmap those public address(es) before detaching the gateway.`,
    );
  }
  await setGatewayVpc(tx, gatewayId, null);
  await touchVpc(change, vpcId);
}

export async function removeInternetGateway(
  { accountId }: Caller,
  { tx }: Change,
  id: InternetGatewayId,
): Promise<void> {
  const gateway = await getInternetGateway(tx, accountId, id);
  if (gateway.vpcId !== null) {
    throw refuse(
      'dependency-violation',
      'internet-gateway',
      `The internetGateway '${id}' has dependencies and cannot be deleted.`,
    );
  }
  await deleteInternetGateway(tx, id);
  await deleteTags(tx, id);
}
