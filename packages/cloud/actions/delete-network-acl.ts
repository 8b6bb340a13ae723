// Owns DeleteNetworkAcl.

import { changeFor } from '../app/change.ts';
import { removeAcl } from '../app/network-acls.ts';
import { NETWORK_ACL, parseId } from '../app/resource-ids.ts';
import type { Ec2Handler } from './handler.ts';

export const deleteNetworkAcl: Ec2Handler<'DeleteNetworkAcl'> = async (app, context, input) => {
  const id = parseId(NETWORK_ACL, input.NetworkAclId, 'NetworkAclId');
  await changeFor(app, context, (change) => removeAcl(context, change, id));
  return {};
};
