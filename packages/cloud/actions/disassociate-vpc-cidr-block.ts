// Owns DisassociateVpcCidrBlock.

import { changeFor } from '../app/change.ts';
import { parseId, VPC_CIDR_ASSOCIATION } from '../app/resource-ids.ts';
import { disassociateCidr } from '../app/vpcs.ts';
import type { Ec2Handler } from './handler.ts';
import { renderCidrAssociation } from './render-vpc.ts';

export const disassociateVpcCidrBlock: Ec2Handler<'DisassociateVpcCidrBlock'> = async (
  app,
  context,
  input,
) => {
  const id = parseId(VPC_CIDR_ASSOCIATION, input.AssociationId, 'AssociationId');
  const row = await changeFor(app, context, (change) => disassociateCidr(context, change, id));
  return { VpcId: row.vpcId, CidrBlockAssociation: renderCidrAssociation(row, 'disassociating') };
};
