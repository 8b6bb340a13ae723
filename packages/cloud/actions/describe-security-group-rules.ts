// Owns DescribeSecurityGroupRules.

import type { SecurityGroupRule } from '@aws-sdk/client-ec2';
import type { FilterTable } from '../app/filters.ts';
import { GROUP_RULE, matchIds, parseIds } from '../app/resource-ids.ts';
import type { SecurityGroupRuleRow } from '../store/schema.ts';
import { listGroupRules } from '../store/security-groups.ts';
import type { Ec2Handler } from './handler.ts';
import { selectPage } from './select-page.ts';

const FILTERS: FilterTable<SecurityGroupRuleRow> = {
  names: { 'group-id': (rule) => rule.groupId, 'security-group-rule-id': (rule) => rule.id },
  tags: () => [],
};

export const describeSecurityGroupRules: Ec2Handler<'DescribeSecurityGroupRules'> = async (
  app,
  context,
  input,
) => {
  const ids = parseIds(GROUP_RULE, input.SecurityGroupRuleIds, 'SecurityGroupRuleId');
  const rows = await listGroupRules(app.store.query, context.accountId);
  const { items, nextToken } = selectPage(
    ids.length === 0 ? rows : matchIds(GROUP_RULE, ids, rows),
    input,
    {
      action: 'DescribeSecurityGroupRules',
      idsParameter: 'SecurityGroupRuleIds',
      table: FILTERS,
      sortKey: (rule) => rule.id,
    },
    ids,
  );
  return { SecurityGroupRules: items.map(render), NextToken: nextToken };
};

function render(rule: SecurityGroupRuleRow): SecurityGroupRule {
  const { cidrIpv4, sourceGroupId } = rule;
  return {
    SecurityGroupRuleId: rule.id,
    GroupId: rule.groupId,
    GroupOwnerId: rule.accountId,
    IsEgress: rule.isEgress === 1,
    IpProtocol: rule.protocol,
    FromPort: rule.fromPort ?? -1,
    ToPort: rule.toPort ?? -1,
    ...(cidrIpv4 === null ? {} : { CidrIpv4: cidrIpv4 }),
    ...(sourceGroupId === null
      ? {}
      : { ReferencedGroupInfo: { GroupId: sourceGroupId, UserId: rule.accountId } }),
    ...(rule.description === null ? {} : { Description: rule.description }),
    Tags: [],
  };
}
