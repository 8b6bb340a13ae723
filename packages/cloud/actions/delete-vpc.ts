// Owns DeleteVpc.

import { changeFor } from '../app/change.ts';
import { parseId, VPC } from '../app/resource-ids.ts';
import { removeVpc } from '../app/vpcs.ts';
import type { Ec2Handler } from './handler.ts';

export const deleteVpc: Ec2Handler<'DeleteVpc'> = async (app, context, input) => {
  const id = parseId(VPC, input.VpcId, 'VpcId');
  await changeFor(app, context, (change) => removeVpc(context, change, id));
  return {};
};
