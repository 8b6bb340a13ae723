// Owns DeleteEgressOnlyInternetGateway.

import { changeFor } from '../app/change.ts';
import { removeEgressOnlyGateway } from '../app/egress-only-gateways.ts';
import { EGRESS_ONLY_GATEWAY, parseId } from '../app/resource-ids.ts';
import type { Ec2Handler } from './handler.ts';

export const deleteEgressOnlyInternetGateway: Ec2Handler<
  'DeleteEgressOnlyInternetGateway'
> = async (app, context, input) => {
  const text = input.EgressOnlyInternetGatewayId;
  const id = parseId(EGRESS_ONLY_GATEWAY, text, 'EgressOnlyInternetGatewayId');
  await changeFor(app, context, (change) => removeEgressOnlyGateway(context, change, id));
  return { ReturnCode: true };
};
