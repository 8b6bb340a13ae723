// Owns the rules of NAT gateways: each has an interface in its subnet and an elastic address.

import type { AccountId, NatGatewayId, SubnetId } from '@ironbark/core/ids.ts';
import { newId } from '@ironbark/platform/random.ts';
import {
  deleteNatGatewaysBefore,
  insertNatGateway,
  listNatGateways,
  listNatGatewaysOf,
  markNatGatewayDeleted,
} from '../store/nat-gateways.ts';
import { findInterface } from '../store/network-interfaces.ts';
import type { NatGatewayRow } from '../store/network-schema.ts';
import type { Queries } from '../store/store.ts';
import type { App } from './app.ts';
import type { Caller, Change } from './change.ts';
import { eraseInterface, writeFreeInterface } from './network-interfaces.ts';
import { associateAddress } from './public-addresses.ts';
import { refuse } from './refusals.ts';
import { matchIds, NAT_GATEWAY } from './resource-ids.ts';
import { getSubnet } from './subnets.ts';
import { setTags, type Tag } from './tags.ts';
import { touchVpc } from './vpc-changes.ts';

/** "Amazon VPC quotas": NAT gateways per Availability Zone, raised. */
const MAX_OF_VPC = 40;
/** "Deleted NAT gateways remain visible for about an hour". */
const SHOWN_AFTER_END_MS = 60 * 60_000;

export interface NatWish {
  subnetId: SubnetId;
  allocationId: string;
  privateIp: string | undefined;
  tags: readonly Tag[];
}

export async function createNatGateway(
  app: App,
  caller: Caller,
  change: Change,
  { subnetId, allocationId, privateIp, tags }: NatWish,
): Promise<NatGatewayId> {
  const { tx, nowMs } = change;
  await deleteNatGatewaysBefore(tx, nowMs - SHOWN_AFTER_END_MS);
  const subnet = await getSubnet(change, caller, subnetId);
  const { vpcId } = subnet;
  if ((await listNatGatewaysOf(tx, vpcId)).length >= MAX_OF_VPC) {
    throw refuse('limit-exceeded', 'nat-gateway', `A VPC can have ${MAX_OF_VPC} NAT gateways.`);
  }
  const id = newId(app.random, 'nat');
  const interfaceId = await writeFreeInterface(app, caller, change, {
    subnet,
    groupIds: [],
    privateIp,
    description: `Interface for NAT Gateway ${id}`,
    isManaged: 1,
  });
  const own = (await findInterface(tx, interfaceId))!;
  const address = await associateAddress(app, caller, change, {
    which: { AllocationId: allocationId },
    target: own,
    privateIp: own.privateIp,
    mayTakeOver: false,
  });
  const row = { id, accountId: caller.accountId, vpcId, subnetId, interfaceId };
  const addresses = { allocationId: address.id, publicIp: address.publicIp };
  const times = { createdAt: nowMs, deletedAt: null };
  await insertNatGateway(tx, { ...row, ...addresses, privateIp: own.privateIp, ...times });
  await setTags(tx, caller.accountId, id, tags);
  await touchVpc(change, vpcId);
  return id;
}

export async function getNatGateway(
  tx: Queries,
  accountId: AccountId,
  id: NatGatewayId,
): Promise<NatGatewayRow> {
  return matchIds(NAT_GATEWAY, [id], await listNatGateways(tx, accountId))[0]!;
}

/** The elastic address is its account's again; routes to it are black holes. */
export async function removeNatGateway(
  { accountId }: Caller,
  change: Change,
  id: NatGatewayId,
): Promise<void> {
  const { tx, nowMs } = change;
  const row = await getNatGateway(tx, accountId, id);
  if (row.deletedAt !== null) return;
  const own = await findInterface(tx, row.interfaceId);
  if (own !== undefined) await eraseInterface(change, own);
  await markNatGatewayDeleted(tx, id, nowMs);
  await touchVpc(change, row.vpcId);
}
