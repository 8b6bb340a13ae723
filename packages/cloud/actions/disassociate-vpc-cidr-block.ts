// Owns DisassociateVpcCidrBlock.

import { changeFor } from '../app/change.ts';
import { disassociateIpv6 } from '../app/ipv6-blocks.ts';
import { parseId, VPC_CIDR_ASSOCIATION } from '../app/resource-ids.ts';
import { disassociateCidr } from '../app/vpcs.ts';
import type { Ec2Handler } from './handler.ts';
import { renderVpcIpv6 } from './render-ipv6.ts';
import { renderCidrAssociation } from './render-vpc.ts';

export const disassociateVpcCidrBlock: Ec2Handler<'DisassociateVpcCidrBlock'> = async (
  app,
  context,
  input,
) => {
  const id = parseId(VPC_CIDR_ASSOCIATION, input.AssociationId, 'AssociationId');
  const gone = await changeFor(app, context, (change) => disassociateIpv6(context, change, id));
  if (gone !== undefined) {
    const shown = renderVpcIpv6(gone, app.region, 'disassociating');
    return { VpcId: gone.vpcId, Ipv6CidrBlockAssociation: shown };
  }
  const row = await changeFor(app, context, (change) => disassociateCidr(context, change, id));
  return { VpcId: row.vpcId, CidrBlockAssociation: renderCidrAssociation(row, 'disassociating') };
};
