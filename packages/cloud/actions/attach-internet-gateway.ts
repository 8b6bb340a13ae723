// Owns AttachInternetGateway.

import { attachGateway } from '../app/internet-gateways.ts';
import { INTERNET_GATEWAY, parseId, VPC } from '../app/resource-ids.ts';
import { changeNetwork } from '../app/vpc-capability.ts';
import type { Ec2Handler } from './handler.ts';

export const attachInternetGateway: Ec2Handler<'AttachInternetGateway'> = async (
  app,
  context,
  input,
) => {
  const gatewayId = parseId(INTERNET_GATEWAY, input.InternetGatewayId, 'InternetGatewayId');
  const vpcId = parseId(VPC, input.VpcId, 'VpcId');
  await changeNetwork(app, context, (change) =>
    attachGateway(context, change, { gatewayId, vpcId }),
  );
  return {};
};
