// Owns finding an account's VPCs: by id, and the default one.

import type { AccountId, VpcId } from '@ironbark/core/ids.ts';
import { findVpc, listVpcs } from '../store/networks.ts';
import type { VpcRow } from '../store/schema.ts';
import type { Queries } from '../store/store.ts';
import { notFound, refuse } from './refusals.ts';
import { VPC } from './resource-ids.ts';

export async function getVpc(tx: Queries, accountId: AccountId, id: VpcId): Promise<VpcRow> {
  const row = await findVpc(tx, id);
  if (row?.accountId === accountId) return row;
  throw notFound('vpc', VPC.label, [id]);
}

export async function findDefaultVpc(
  tx: Queries,
  accountId: AccountId,
): Promise<VpcRow | undefined> {
  return (await listVpcs(tx, accountId)).find((vpc) => vpc.isDefault === 1);
}

export async function getDefaultVpc(tx: Queries, accountId: AccountId): Promise<VpcRow> {
  const vpc = await findDefaultVpc(tx, accountId);
  if (vpc !== undefined) return vpc;
  throw refuse('not-found', 'default-vpc', 'No default VPC for this user');
}
