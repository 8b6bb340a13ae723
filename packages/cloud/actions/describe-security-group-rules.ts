// Owns DescribeSecurityGroupRules.

import type { FilterTable } from '../app/filters.ts';
import { GROUP_RULE, matchIds, parseIds } from '../app/resource-ids.ts';
import { TagIndex } from '../app/tags.ts';
import { listGroupRules } from '../store/security-groups.ts';
import { listTagsOfType } from '../store/tags.ts';
import type { Ec2Handler } from './handler.ts';
import { type RuleItem, renderRule } from './render-group.ts';
import { selectPage } from './select-page.ts';

const FILTERS: FilterTable<RuleItem> = {
  names: {
    'group-id': ({ rule }) => rule.groupId,
    'security-group-rule-id': ({ rule }) => rule.id,
  },
  tags: ({ tags }) => tags,
};

export const describeSecurityGroupRules: Ec2Handler<'DescribeSecurityGroupRules'> = async (
  app,
  context,
  input,
) => {
  const ids = parseIds(GROUP_RULE, input.SecurityGroupRuleIds, 'SecurityGroupRuleId');
  const rows = await listGroupRules(app.store.query, context.accountId);
  const type = 'security-group-rule';
  const tags = new TagIndex(await listTagsOfType(app.store.query, context.accountId, type));
  const named = ids.length === 0 ? rows : matchIds(GROUP_RULE, ids, rows);
  const { items, nextToken } = selectPage(
    named.map((rule): RuleItem => ({ rule, tags: tags.of(rule.id) })),
    input,
    {
      action: 'DescribeSecurityGroupRules',
      idsParameter: 'SecurityGroupRuleIds',
      table: FILTERS,
      sortKey: ({ rule }) => rule.id,
    },
    ids,
  );
  return {
    SecurityGroupRules: items.map((item) => renderRule(item, app.region)),
    NextToken: nextToken,
  };
};
