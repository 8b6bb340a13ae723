// Owns CreateVpcPeeringConnection: a request to the owner of another VPC of this cloud.

import { invalidValue, notOffered } from '../app/refusals.ts';
import { parseId, VPC, VPC_PEERING } from '../app/resource-ids.ts';
import { parseTagSpecifications } from '../app/tags.ts';
import { changeNetwork } from '../app/vpc-capability.ts';
import { createPeering, getPeering } from '../app/vpc-peerings.ts';
import type { Ec2Handler } from './handler.ts';
import { peeringItem, renderPeering } from './peering-items.ts';

const ACCOUNT = /^\d{12}$/;

export const createVpcPeeringConnection: Ec2Handler<'CreateVpcPeeringConnection'> = async (
  app,
  context,
  input,
) => {
  const { accountId } = context;
  const { PeerRegion = app.region, PeerOwnerId = accountId } = input;
  if (PeerRegion !== app.region) {
    throw notOffered('A peering with another region', `This cloud's region is ${app.region}.`);
  }
  if (!ACCOUNT.test(PeerOwnerId)) {
    throw invalidValue('peerOwnerId', PeerOwnerId.slice(0, 64), 'It is an account of 12 digits.');
  }
  const types = ['vpc-peering-connection'] as const;
  const { 'vpc-peering-connection': tags } = parseTagSpecifications(input.TagSpecifications, types);
  const wish = {
    vpcId: parseId(VPC, input.VpcId, 'vpcId'),
    accepterVpcId: parseId(VPC, input.PeerVpcId, 'peerVpcId'),
    accepterAccountId: PeerOwnerId,
    tags,
  };
  return changeNetwork(app, context, async (change) => {
    const id = await createPeering(app, context, change, wish);
    const row = await getPeering(change, accountId, parseId(VPC_PEERING, id, 'id'));
    const { nowMs } = change;
    const scope = { accountId, region: app.region, nowMs, tagsOf: () => tags };
    const item = await peeringItem(change.tx, row, scope);
    const shown = { ...item, state: 'initiating-request' as const, accepterCidrs: [] };
    return { VpcPeeringConnection: renderPeering(shown) };
  });
};
