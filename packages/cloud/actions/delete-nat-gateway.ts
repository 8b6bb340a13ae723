// Owns DeleteNatGateway.

import { changeFor } from '../app/change.ts';
import { removeNatGateway } from '../app/nat-gateways.ts';
import { NAT_GATEWAY, parseId } from '../app/resource-ids.ts';
import type { Ec2Handler } from './handler.ts';

export const deleteNatGateway: Ec2Handler<'DeleteNatGateway'> = async (app, context, input) => {
  const id = parseId(NAT_GATEWAY, input.NatGatewayId, 'NatGatewayId');
  await changeFor(app, context, (change) => removeNatGateway(context, change, id));
  return { NatGatewayId: id };
};
