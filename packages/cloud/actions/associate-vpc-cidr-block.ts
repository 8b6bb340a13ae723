// Owns AssociateVpcCidrBlock.

import { associateIpv6 } from '../app/ipv6-blocks.ts';
import { invalidCombination, refuseParameters } from '../app/refusals.ts';
import { parseId, VPC } from '../app/resource-ids.ts';
import { changeNetwork } from '../app/vpc-capability.ts';
import { associateCidr } from '../app/vpcs.ts';
import type { Ec2Handler } from './handler.ts';
import { checkBorderGroup } from './ipv6-input.ts';
import { renderVpcIpv6 } from './render-ipv6.ts';
import { renderCidrAssociation } from './render-vpc.ts';

const NOT_OFFERED = [
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
  checkBorderGroup(app, input);
  const vpcId = parseId(VPC, input.VpcId, 'VpcId');
  if (input.AmazonProvidedIpv6CidrBlock === true) {
    if (input.CidrBlock !== undefined) {
      throw invalidCombination('Give CidrBlock or AmazonProvidedIpv6CidrBlock, not both.');
    }
    const added = await changeNetwork(app, context, (change) =>
      associateIpv6(app, context, change, vpcId),
    );
    const shown = renderVpcIpv6(added, app.region, 'associating');
    return { VpcId: vpcId, Ipv6CidrBlockAssociation: shown };
  }
  const wish = { vpcId, cidrBlock: input.CidrBlock };
  const row = await changeNetwork(app, context, (change) =>
    associateCidr(app, context, change, wish),
  );
  return { VpcId: vpcId, CidrBlockAssociation: renderCidrAssociation(row, 'associating') };
};
