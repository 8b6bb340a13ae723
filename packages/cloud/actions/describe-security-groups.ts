// Owns DescribeSecurityGroups.

import type { SecurityGroup } from '@aws-sdk/client-ec2';
import type { FilterTable, FilterValue } from '../app/filters.ts';
import { notFound } from '../app/refusals.ts';
import { GROUP, matchIds, parseIds } from '../app/resource-ids.ts';
import { type Tag, TagIndex } from '../app/tags.ts';
import type { SecurityGroupRow, SecurityGroupRuleRow } from '../store/schema.ts';
import { listGroupRules, listGroups } from '../store/security-groups.ts';
import { listTags } from '../store/tags.ts';
import type { Ec2Handler } from './handler.ts';
import { groupArn, renderPermissions } from './render-group.ts';
import { tagsOf } from './render-instance.ts';
import { selectPage } from './select-page.ts';

interface GroupItem {
  row: SecurityGroupRow;
  rules: SecurityGroupRuleRow[];
  tags: Tag[];
  /** All of the account's, for the names of those that rules speak of. */
  groups: readonly SecurityGroupRow[];
}

type ReadRule = (rule: SecurityGroupRuleRow, groups: GroupItem['groups']) => FilterValue;

const OF_RULES: Readonly<Record<string, ReadRule>> = {
  cidr: (rule) => rule.cidrIpv4 ?? undefined,
  'from-port': (rule) => rule.fromPort ?? undefined,
  'group-id': (rule) => rule.sourceGroupId ?? undefined,
  'group-name': (rule, groups) => groups.find((one) => one.id === rule.sourceGroupId)?.name,
  'ipv6-cidr': (rule) => rule.cidrIpv6 ?? undefined,
  'prefix-list-id': () => undefined,
  protocol: (rule) => rule.protocol,
  'to-port': (rule) => rule.toPort ?? undefined,
  'user-id': (rule) => (rule.sourceGroupId === null ? undefined : rule.accountId),
};

function rulesFilters(prefix: string, isEgress: 0 | 1): FilterTable<GroupItem>['names'] {
  const entries = Object.entries(OF_RULES).map(([name, read]) => {
    const readAll = ({ rules, groups }: GroupItem) =>
      rules
        .filter((rule) => rule.isEgress === isEgress)
        .map((rule) => read(rule, groups) as string | undefined);
    return [`${prefix}.${name}`, readAll] as const;
  });
  return Object.fromEntries(entries);
}

const FILTERS: FilterTable<GroupItem> = {
  names: {
    'group-id': ({ row }) => row.id,
    'group-name': ({ row }) => row.name,
    description: ({ row }) => row.description,
    'owner-id': ({ row }) => row.accountId,
    'vpc-id': ({ row }) => row.vpcId,
    ...rulesFilters('ip-permission', 0),
    ...rulesFilters('egress.ip-permission', 1),
  },
  tags: ({ tags }) => tags,
};

export const describeSecurityGroups: Ec2Handler<'DescribeSecurityGroups'> = async (
  app,
  context,
  input,
) => {
  const ids = parseIds(GROUP, input.GroupIds, 'GroupId');
  const { accountId } = context;
  const tags = new TagIndex(await listTags(app.store.query, accountId));
  const rules = await listGroupRules(app.store.query, accountId);
  const rows = await listGroups(app.store.query, accountId);
  const shown = selectGroups(rows, ids, input.GroupNames ?? []).map((row): GroupItem => {
    const own = rules.filter((rule) => rule.groupId === row.id);
    return { row, rules: own, tags: tags.of(row.id), groups: rows };
  });
  const listing = {
    action: 'DescribeSecurityGroups',
    idsParameter: 'groupIds',
    table: FILTERS,
    sortKey: ({ row }: GroupItem) => row.id,
  };
  const { items, nextToken } = selectPage(shown, input, listing, ids);
  return { SecurityGroups: items.map((item) => render(item, app.region)), NextToken: nextToken };
};

function selectGroups(
  rows: readonly SecurityGroupRow[],
  ids: readonly string[],
  names: readonly string[],
): readonly SecurityGroupRow[] {
  const absent = names.filter((name) => !rows.some((row) => row.name === name));
  if (absent.length > 0) throw notFound('security-group', 'security group', absent);
  if (ids.length > 0) matchIds(GROUP, ids, rows);
  if (ids.length === 0 && names.length === 0) return rows;
  return rows.filter((row) => ids.includes(row.id) || names.includes(row.name));
}

function render({ row, rules, tags }: GroupItem, region: string): SecurityGroup {
  const permissions = (isEgress: 0 | 1) =>
    renderPermissions(rules.filter((rule) => rule.isEgress === isEgress));
  return {
    GroupId: row.id,
    GroupName: row.name,
    Description: row.description,
    OwnerId: row.accountId,
    VpcId: row.vpcId,
    SecurityGroupArn: groupArn(row, region),
    IpPermissions: permissions(0),
    IpPermissionsEgress: permissions(1),
    ...tagsOf(tags),
  };
}
