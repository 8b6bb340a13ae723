// Owns AssociateSubnetCidrBlock, which is about IPv6 alone.

import { associateSubnetIpv6 } from '../app/ipv6-blocks.ts';
import { refuseParameters } from '../app/refusals.ts';
import { parseId, SUBNET } from '../app/resource-ids.ts';
import { getSubnet } from '../app/subnets.ts';
import { changeNetwork } from '../app/vpc-capability.ts';
import type { Ec2Handler } from './handler.ts';
import { renderSubnetIpv6 } from './render-ipv6.ts';

export const associateSubnetCidrBlock: Ec2Handler<'AssociateSubnetCidrBlock'> = async (
  app,
  context,
  input,
) => {
  refuseParameters(input, ['Ipv6IpamPoolId', 'Ipv6NetmaskLength']);
  const id = parseId(SUBNET, input.SubnetId, 'SubnetId');
  const row = await changeNetwork(app, context, async (change) => {
    const subnet = await getSubnet(change, context, id);
    return associateSubnetIpv6(app, change, subnet, input.Ipv6CidrBlock);
  });
  return { SubnetId: id, Ipv6CidrBlockAssociation: renderSubnetIpv6(row, 'associating') };
};
