// Owns DeleteDhcpOptions.

import { changeFor } from '../app/change.ts';
import { removeOptions } from '../app/dhcp-options.ts';
import { DHCP_OPTIONS, parseId } from '../app/resource-ids.ts';
import type { Ec2Handler } from './handler.ts';

export const deleteDhcpOptions: Ec2Handler<'DeleteDhcpOptions'> = async (app, context, input) => {
  const id = parseId(DHCP_OPTIONS, input.DhcpOptionsId, 'DhcpOptionsId');
  await changeFor(app, context, (change) => removeOptions(context, change, id));
  return {};
};
