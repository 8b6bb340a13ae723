// Owns DescribeSecurityGroupReferences: of groups of another VPC that is peered, which no rule can name here.

import { GROUP, matchIds, requireIds } from '../app/resource-ids.ts';
import { listGroups } from '../store/security-groups.ts';
import type { Ec2Handler } from './handler.ts';

export const describeSecurityGroupReferences: Ec2Handler<
  'DescribeSecurityGroupReferences'
> = async (app, context, input) => {
  const ids = requireIds(GROUP, input.GroupId, 'GroupId');
  matchIds(GROUP, ids, await listGroups(app.store.query, context.accountId));
  return { SecurityGroupReferenceSet: [] };
};
