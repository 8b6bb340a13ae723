// Owns RejectVpcPeeringConnection, by the owner of the VPC that was asked.

import { changeFor } from '../app/change.ts';
import { parseId, VPC_PEERING } from '../app/resource-ids.ts';
import { rejectPeering } from '../app/vpc-peerings.ts';
import type { Ec2Handler } from './handler.ts';

export const rejectVpcPeeringConnection: Ec2Handler<'RejectVpcPeeringConnection'> = async (
  app,
  context,
  input,
) => {
  const id = parseId(VPC_PEERING, input.VpcPeeringConnectionId, 'vpcPeeringConnectionId');
  await changeFor(app, context, (change) => rejectPeering(context, change, id));
  return { Return: true };
};
