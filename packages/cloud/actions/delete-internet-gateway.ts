// Owns DeleteInternetGateway.

import { changeFor } from '../app/change.ts';
import { removeInternetGateway } from '../app/internet-gateways.ts';
import { INTERNET_GATEWAY, parseId } from '../app/resource-ids.ts';
import type { Ec2Handler } from './handler.ts';

export const deleteInternetGateway: Ec2Handler<'DeleteInternetGateway'> = async (
  app,
  context,
  input,
) => {
  const id = parseId(INTERNET_GATEWAY, input.InternetGatewayId, 'InternetGatewayId');
  await changeFor(app, context, (change) => removeInternetGateway(context, change, id));
  return {};
};
