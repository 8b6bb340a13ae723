// Owns DescribeSecurityGroupRules.

import type { Filter } from '@aws-sdk/client-ec2';
import type { FilterTable } from '../app/filters.ts';
import { refuse } from '../app/refusals.ts';
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

const GROUP_FILTER = /^sg-[a-z0-9*?]+$|[*?]/;

/** EC2 looks at this one filter's values before it looks for rules. */
function checkGroupFilter(filters: readonly Filter[]): void {
  const groups = filters.filter(({ Name }) => Name === 'group-id');
  const wrong = groups.flatMap(({ Values = [] }) => Values).find((id) => !GROUP_FILTER.test(id));
  if (wrong === undefined) return;
  const message = `The security group ID '${wrong.slice(0, 100)}' is malformed`;
  throw refuse('malformed-id', 'security-group', message);
}

export const describeSecurityGroupRules: Ec2Handler<'DescribeSecurityGroupRules'> = async (
  app,
  context,
  input,
) => {
  checkGroupFilter(input.Filters ?? []);
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
