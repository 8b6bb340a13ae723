// Owns DisassociateSubnetCidrBlock.

import { changeFor } from '../app/change.ts';
import { disassociateSubnetIpv6 } from '../app/ipv6-blocks.ts';
import { parseId, SUBNET_CIDR_ASSOCIATION } from '../app/resource-ids.ts';
import type { Ec2Handler } from './handler.ts';
import { renderSubnetIpv6 } from './render-ipv6.ts';

export const disassociateSubnetCidrBlock: Ec2Handler<'DisassociateSubnetCidrBlock'> = async (
  app,
  context,
  input,
) => {
  const id = parseId(SUBNET_CIDR_ASSOCIATION, input.AssociationId, 'AssociationId');
  const row = await changeFor(app, context, (change) =>
    disassociateSubnetIpv6(context, change, id),
  );
  return {
    SubnetId: row.subnetId,
    Ipv6CidrBlockAssociation: renderSubnetIpv6(row, 'disassociating'),
  };
};
