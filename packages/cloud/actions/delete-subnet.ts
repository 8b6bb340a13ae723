// Owns DeleteSubnet.

import { changeFor } from '../app/change.ts';
import { parseId, SUBNET } from '../app/resource-ids.ts';
import { removeSubnet } from '../app/subnets.ts';
import type { Ec2Handler } from './handler.ts';

export const deleteSubnet: Ec2Handler<'DeleteSubnet'> = async (app, context, input) => {
  const id = parseId(SUBNET, input.SubnetId, 'SubnetId');
  await changeFor(app, context, (change) => removeSubnet(context, change, id));
  return {};
};
