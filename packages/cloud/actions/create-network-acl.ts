// Owns CreateNetworkAcl.

import type { NetworkAclId } from '@ironbark/core/ids.ts';
import { makeOnce } from '../app/client-tokens.ts';
import { createAcl } from '../app/network-acls.ts';
import { parseId, VPC } from '../app/resource-ids.ts';
import { parseTagSpecifications } from '../app/tags.ts';
import { changeNetwork } from '../app/vpc-capability.ts';
import type { Ec2Handler } from './handler.ts';
import { listAclItems, renderAcl } from './network-acl-items.ts';

export const createNetworkAcl: Ec2Handler<'CreateNetworkAcl'> = async (app, context, input) => {
  const vpcId = parseId(VPC, input.VpcId, 'VpcId');
  const { 'network-acl': tags } = parseTagSpecifications(input.TagSpecifications, ['network-acl']);
  const call = { action: 'CreateNetworkAcl', token: input.ClientToken, parameters: input };
  return changeNetwork(app, context, async (change) => {
    const [id] = await makeOnce<NetworkAclId>(change, context, call, async () => [
      await createAcl(app, context, change, { vpcId, tags }),
    ]);
    const items = await listAclItems(change.tx, context.accountId);
    const item = items.find(({ row }) => row.id === id);
    return {
      ...(item === undefined ? {} : { NetworkAcl: renderAcl(item) }),
      ClientToken: input.ClientToken,
    };
  });
};
