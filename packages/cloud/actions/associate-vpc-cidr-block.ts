// Owns AssociateVpcCidrBlock.

import { notOffered, refuseParameters } from '../app/refusals.ts';
import { parseId, VPC } from '../app/resource-ids.ts';
import { changeNetwork } from '../app/vpc-capability.ts';
import { associateCidr } from '../app/vpcs.ts';
import type { Ec2Handler } from './handler.ts';
import { renderCidrAssociation } from './render-vpc.ts';

const NOT_OFFERED = [
  'Ipv6CidrBlockNetworkBorderGroup',
  'Ipv6Pool',
  'Ipv6CidrBlock',
  'Ipv4IpamPoolId',
  'Ipv4NetmaskLength',
  'Ipv6IpamPoolId',
  'Ipv6NetmaskLength',
];

export const associateVpcCidrBlock: Ec2Handler<'AssociateVpcCidrBlock'> = async (
  app,
  context,
  input,
) => {
  refuseParameters(input, NOT_OFFERED);
  if (input.AmazonProvidedIpv6CidrBlock === true) throw notOffered('IPv6');
  const vpcId = parseId(VPC, input.VpcId, 'VpcId');
  const wish = { vpcId, cidrBlock: input.CidrBlock };
  const row = await changeNetwork(app, context, (change) =>
    associateCidr(app, context, change, wish),
  );
  return { VpcId: vpcId, CidrBlockAssociation: renderCidrAssociation(row, 'associating') };
};
