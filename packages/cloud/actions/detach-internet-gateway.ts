// Owns DetachInternetGateway.

import { changeFor } from '../app/change.ts';
import { detachGateway } from '../app/internet-gateways.ts';
import { INTERNET_GATEWAY, parseId, VPC } from '../app/resource-ids.ts';
import type { Ec2Handler } from './handler.ts';

export const detachInternetGateway: Ec2Handler<'DetachInternetGateway'> = async (
  app,
  context,
  input,
) => {
  const gatewayId = parseId(INTERNET_GATEWAY, input.InternetGatewayId, 'InternetGatewayId');
  const vpcId = parseId(VPC, input.VpcId, 'VpcId');
  await changeFor(app, context, (change) => detachGateway(context, change, { gatewayId, vpcId }));
  return {};
};
