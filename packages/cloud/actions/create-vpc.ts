// Owns CreateVpc: any private block, also one that another VPC has.

import { getVpc } from '../app/find-vpc.ts';
import { associateIpv6 } from '../app/ipv6-blocks.ts';
import { notOffered, refuseParameters } from '../app/refusals.ts';
import { parseTagSpecifications } from '../app/tags.ts';
import { changeNetwork } from '../app/vpc-capability.ts';
import { createVpc as makeVpc } from '../app/vpcs.ts';
import { listCidrsOf } from '../store/vpcs.ts';
import type { Ec2Handler } from './handler.ts';
import { checkBorderGroup } from './ipv6-input.ts';
import { renderVpcIpv6 } from './render-ipv6.ts';
import { renderVpc } from './render-vpc.ts';

const NOT_OFFERED = [
  'Ipv6Pool',
  'Ipv6CidrBlock',
  'Ipv4IpamPoolId',
  'Ipv4NetmaskLength',
  'Ipv6IpamPoolId',
  'Ipv6NetmaskLength',
  'VpcEncryptionControl',
];

export const createVpc: Ec2Handler<'CreateVpc'> = async (app, context, input) => {
  refuseParameters(input, NOT_OFFERED);
  checkBorderGroup(app, input);
  const { InstanceTenancy = 'default' } = input;
  if (InstanceTenancy !== 'default') throw notOffered(`Tenancy '${InstanceTenancy}'`);
  const { vpc: tags } = parseTagSpecifications(input.TagSpecifications, ['vpc']);
  const wish = { cidrBlock: input.CidrBlock, tags };
  const hasIpv6 = input.AmazonProvidedIpv6CidrBlock === true;
  return changeNetwork(app, context, async (change) => {
    const id = await makeVpc(app, context, change, wish);
    const row = await getVpc(change.tx, context.accountId, id);
    const cidrs = await listCidrsOf(change.tx, id);
    const added = hasIpv6 ? [await associateIpv6(app, context, change, id)] : [];
    const shown = renderVpc({ row, cidrs, tags, ipv6Cidrs: [] }, app.region);
    const Ipv6CidrBlockAssociationSet = added.map((one) =>
      renderVpcIpv6(one, app.region, 'associating'),
    );
    return { Vpc: { ...shown, Ipv6CidrBlockAssociationSet, State: 'pending' } };
  });
};
