// Owns CreateDefaultVpc, for an account that deleted its own.

import { insertDefaultNetwork } from '../app/default-network.ts';
import { findDefaultVpc, getVpc } from '../app/find-vpc.ts';
import { QUOTAS } from '../app/quotas/catalogue.ts';
import { requireWithin } from '../app/quotas/limits.ts';
import { refuse } from '../app/refusals.ts';
import { changeNetwork } from '../app/vpc-capability.ts';
import { listCidrsOf } from '../store/vpcs.ts';
import type { Ec2Handler } from './handler.ts';
import { renderVpc } from './render-vpc.ts';

export const createDefaultVpc: Ec2Handler<'CreateDefaultVpc'> = async (app, context) => {
  const { accountId } = context;
  return changeNetwork(app, context, async ({ tx, touched }) => {
    const known = await findDefaultVpc(tx, accountId);
    if (known !== undefined) {
      const message = 'A Default VPC already exists for this account in this region.';
      throw refuse('duplicate', 'default-vpc', message);
    }
    await requireWithin(tx, accountId, QUOTAS.vpcs);
    const id = await insertDefaultNetwork(tx, accountId, app);
    touched.vpcs.add(id);
    const row = await getVpc(tx, accountId, id);
    const cidrs = await listCidrsOf(tx, id);
    return {
      Vpc: { ...renderVpc({ row, cidrs, ipv6Cidrs: [], tags: [] }, app.region), State: 'pending' },
    };
  });
};
