// Owns AcceptVpcPeeringConnection, by the owner of the VPC that was asked.

import { parseId, VPC_PEERING } from '../app/resource-ids.ts';
import { TagIndex } from '../app/tags.ts';
import { changeNetwork } from '../app/vpc-capability.ts';
import { acceptPeering } from '../app/vpc-peerings.ts';
import { listTagsOfType } from '../store/tags.ts';
import type { Ec2Handler } from './handler.ts';
import { peeringItem, renderPeering } from './peering-items.ts';

export const acceptVpcPeeringConnection: Ec2Handler<'AcceptVpcPeeringConnection'> = async (
  app,
  context,
  input,
) => {
  const { accountId } = context;
  const id = parseId(VPC_PEERING, input.VpcPeeringConnectionId, 'vpcPeeringConnectionId');
  return changeNetwork(app, context, async (change) => {
    const { tx, nowMs } = change;
    const row = await acceptPeering(context, change, id);
    const tags = new TagIndex(await listTagsOfType(tx, accountId, 'vpc-peering-connection'));
    const scope = { accountId, region: app.region, nowMs, tagsOf: (one: string) => tags.of(one) };
    return { VpcPeeringConnection: renderPeering(await peeringItem(tx, row, scope)) };
  });
};
