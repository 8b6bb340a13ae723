// Owns CreateEgressOnlyInternetGateway.

import { makeOnce } from '../app/client-tokens.ts';
import { createEgressOnlyGateway } from '../app/egress-only-gateways.ts';
import { parseId, VPC } from '../app/resource-ids.ts';
import { parseTagSpecifications } from '../app/tags.ts';
import { changeNetwork } from '../app/vpc-capability.ts';
import { getEgressOnlyItem, renderEgressOnly } from './egress-only-items.ts';
import type { Ec2Handler } from './handler.ts';

export const createEgressOnlyInternetGateway: Ec2Handler<
  'CreateEgressOnlyInternetGateway'
> = async (app, context, input) => {
  const types = ['egress-only-internet-gateway'] as const;
  const parsed = parseTagSpecifications(input.TagSpecifications, types);
  const tags = parsed['egress-only-internet-gateway'];
  const vpcId = parseId(VPC, input.VpcId, 'VpcId');
  const action = 'CreateEgressOnlyInternetGateway';
  const call = { action, token: input.ClientToken, parameters: input };
  return changeNetwork(app, context, async (change) => {
    const [id] = await makeOnce<`eigw-${string}`>(change, context, call, async () => [
      (await createEgressOnlyGateway(app, context, change, { vpcId, tags })).id,
    ]);
    const item = await getEgressOnlyItem(change.tx, context.accountId, id!);
    return {
      ClientToken: input.ClientToken,
      EgressOnlyInternetGateway: renderEgressOnly(item),
    };
  });
};
