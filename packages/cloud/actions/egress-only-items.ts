// Owns egress-only internet gateways as they are shown.

import type { EgressOnlyInternetGateway } from '@aws-sdk/client-ec2';
import type { AccountId, EgressOnlyGatewayId } from '@ironbark/core/ids.ts';
import { EGRESS_ONLY_GATEWAY, matchIds } from '../app/resource-ids.ts';
import { type Tag, TagIndex } from '../app/tags.ts';
import { listEgressOnlyGateways } from '../store/ipv6.ts';
import type { EgressOnlyGatewayTable } from '../store/ipv6-schema.ts';
import type { Queries } from '../store/store.ts';
import { listTagsOfType } from '../store/tags.ts';
import { renderTags } from './render-instance.ts';

export interface EgressOnlyItem {
  id: EgressOnlyGatewayId;
  row: EgressOnlyGatewayTable;
  tags: readonly Tag[];
}

export async function listEgressOnlyItems(
  db: Queries,
  accountId: AccountId,
): Promise<EgressOnlyItem[]> {
  const tags = new TagIndex(await listTagsOfType(db, accountId, 'egress-only-internet-gateway'));
  const rows = await listEgressOnlyGateways(db, accountId);
  return rows.map((row) => ({ id: row.id, row, tags: tags.of(row.id) }));
}

export async function getEgressOnlyItem(
  db: Queries,
  accountId: AccountId,
  id: EgressOnlyGatewayId,
): Promise<EgressOnlyItem> {
  return matchIds(EGRESS_ONLY_GATEWAY, [id], await listEgressOnlyItems(db, accountId))[0]!;
}

export function renderEgressOnly({ row, tags }: EgressOnlyItem): EgressOnlyInternetGateway {
  return {
    EgressOnlyInternetGatewayId: row.id,
    Attachments: [{ State: 'attached', VpcId: row.vpcId }],
    Tags: renderTags(tags),
  };
}
