// Owns ReplaceNetworkAclAssociation: the only way in which a subnet comes to another network ACL.

import { replaceAclAssociation } from '../app/network-acls.ts';
import { NETWORK_ACL, NETWORK_ACL_ASSOCIATION, parseId } from '../app/resource-ids.ts';
import { changeNetwork } from '../app/vpc-capability.ts';
import type { Ec2Handler } from './handler.ts';

export const replaceNetworkAclAssociation: Ec2Handler<'ReplaceNetworkAclAssociation'> = async (
  app,
  context,
  input,
) => {
  const id = parseId(NETWORK_ACL_ASSOCIATION, input.AssociationId, 'AssociationId');
  const aclId = parseId(NETWORK_ACL, input.NetworkAclId, 'NetworkAclId');
  const NewAssociationId = await changeNetwork(app, context, (change) =>
    replaceAclAssociation(app, context, change, { id, aclId }),
  );
  return { NewAssociationId };
};
