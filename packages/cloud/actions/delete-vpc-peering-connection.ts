// Owns DeleteVpcPeeringConnection, by the owner of either VPC.

import { changeFor } from '../app/change.ts';
import { parseId, VPC_PEERING } from '../app/resource-ids.ts';
import { removePeering } from '../app/vpc-peerings.ts';
import type { Ec2Handler } from './handler.ts';

export const deleteVpcPeeringConnection: Ec2Handler<'DeleteVpcPeeringConnection'> = async (
  app,
  context,
  input,
) => {
  const id = parseId(VPC_PEERING, input.VpcPeeringConnectionId, 'vpcPeeringConnectionId');
  await changeFor(app, context, (change) => removePeering(context, change, id));
  return { Return: true };
};
