// Owns the rules of egress-only internet gateways. Nothing leads out of a VPC by IPv6 here, so routes to one are black holes.

import type { EgressOnlyGatewayId, VpcId } from '@ironbark/core/ids.ts';
import { newId } from '@ironbark/platform/random.ts';
import {
  deleteEgressOnlyGateway,
  insertEgressOnlyGateway,
  listEgressOnlyGateways,
} from '../store/ipv6.ts';
import type { EgressOnlyGatewayTable } from '../store/ipv6-schema.ts';
import { deleteTags } from '../store/tags.ts';
import type { App } from './app.ts';
import type { Caller, Change } from './change.ts';
import { getVpc } from './find-vpc.ts';
import { refuse } from './refusals.ts';
import { EGRESS_ONLY_GATEWAY, matchIds } from './resource-ids.ts';
import { setTags, type Tag } from './tags.ts';

/** "Amazon VPC quotas": egress-only internet gateways per Region. */
const MAX_GATEWAYS = 5;

export async function createEgressOnlyGateway(
  app: App,
  { accountId }: Caller,
  { tx }: Change,
  { vpcId, tags }: { vpcId: VpcId; tags: readonly Tag[] },
): Promise<EgressOnlyGatewayTable> {
  await getVpc(tx, accountId, vpcId);
  if ((await listEgressOnlyGateways(tx, accountId)).length >= MAX_GATEWAYS) {
    throw refuse(
      'limit-exceeded',
      'egress-only-gateway',
      `An account can have ${MAX_GATEWAYS} egress-only internet gateways.`,
    );
  }
  const row = { id: newId(app.random, 'eigw'), accountId, vpcId };
  await insertEgressOnlyGateway(tx, row);
  await setTags(tx, accountId, row.id, tags);
  return row;
}

/** Routes that lead to it stay, as EC2's do. */
export async function removeEgressOnlyGateway(
  { accountId }: Caller,
  { tx }: Change,
  id: EgressOnlyGatewayId,
): Promise<void> {
  matchIds(EGRESS_ONLY_GATEWAY, [id], await listEgressOnlyGateways(tx, accountId));
  await deleteEgressOnlyGateway(tx, id);
  await deleteTags(tx, id);
}
