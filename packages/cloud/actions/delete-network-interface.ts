// Owns DeleteNetworkInterface.

import { changeFor } from '../app/change.ts';
import { removeInterface } from '../app/network-interfaces.ts';
import { INTERFACE, parseId } from '../app/resource-ids.ts';
import type { Ec2Handler } from './handler.ts';

export const deleteNetworkInterface: Ec2Handler<'DeleteNetworkInterface'> = async (
  app,
  context,
  input,
) => {
  const id = parseId(INTERFACE, input.NetworkInterfaceId, 'NetworkInterfaceId');
  await changeFor(app, context, (change) => removeInterface(context, change, id));
  return {};
};
