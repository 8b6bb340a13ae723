// Owns EC2's shape of internet gateways.

import type { InternetGateway } from '@aws-sdk/client-ec2';
import type { Tag } from '../app/tags.ts';
import type { InternetGatewayRow } from '../store/network-schema.ts';
import { renderTags } from './render-instance.ts';

export interface GatewayItem {
  row: InternetGatewayRow;
  tags: readonly Tag[];
}

/** EC2 says `available` of an attachment, where its model has `attached`. */
export const ATTACHED = 'available' as 'attached';

export function renderGateway({ row, tags }: GatewayItem): InternetGateway {
  return {
    InternetGatewayId: row.id,
    OwnerId: row.accountId,
    Attachments: row.vpcId === null ? [] : [{ VpcId: row.vpcId, State: ATTACHED }],
    Tags: renderTags(tags),
  };
}
