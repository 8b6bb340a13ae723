// Owns ModifySecurityGroupRules.

import { modifyRules } from '../app/group-rules.ts';
import { missingParameter } from '../app/refusals.ts';
import { GROUP_RULE, parseId } from '../app/resource-ids.ts';
import { getGroup } from '../app/security-groups.ts';
import { changeNetwork } from '../app/vpc-capability.ts';
import { listGroupsOfVpc } from '../store/security-groups.ts';
import { parseRule } from './group-rule-input.ts';
import type { Ec2Handler } from './handler.ts';

export const modifySecurityGroupRules: Ec2Handler<'ModifySecurityGroupRules'> = async (
  app,
  context,
  input,
) => {
  const { GroupId, SecurityGroupRules: updates } = input;
  if (updates.length === 0) throw missingParameter('SecurityGroupRule');
  await changeNetwork(app, context, async (change) => {
    const group = await getGroup(change.tx, context.accountId, { GroupId });
    const groups = await listGroupsOfVpc(change.tx, group.vpcId);
    const changes = updates.map(({ SecurityGroupRuleId, SecurityGroupRule }) => ({
      id: parseId(GROUP_RULE, SecurityGroupRuleId, 'SecurityGroupRuleId'),
      permission: parseRule(SecurityGroupRule, groups),
    }));
    await modifyRules(change, group, changes);
  });
  return { Return: true };
};
