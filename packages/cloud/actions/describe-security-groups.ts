// Owns DescribeSecurityGroups.

import type { IpPermission, SecurityGroup } from '@aws-sdk/client-ec2';
import type { FilterTable } from '../app/filters.ts';
import { notFound } from '../app/refusals.ts';
import { GROUP, matchIds, parseIds } from '../app/resource-ids.ts';
import { type Tag, TagIndex } from '../app/tags.ts';
import type { SecurityGroupRow, SecurityGroupRuleRow } from '../store/schema.ts';
import { listGroupRules, listGroups } from '../store/security-groups.ts';
import { listTags } from '../store/tags.ts';
import type { Ec2Handler } from './handler.ts';
import { renderTags } from './render-instance.ts';
import { selectPage } from './select-page.ts';

interface GroupItem {
  row: SecurityGroupRow;
  rules: SecurityGroupRuleRow[];
  tags: Tag[];
}

function ofRules<Value>(isEgress: 0 | 1, read: (rule: SecurityGroupRuleRow) => Value) {
  return ({ rules }: GroupItem): Value[] =>
    rules.filter((rule) => rule.isEgress === isEgress).map(read);
}

const FILTERS: FilterTable<GroupItem> = {
  names: {
    'group-id': ({ row }) => row.id,
    'group-name': ({ row }) => row.name,
    description: ({ row }) => row.description,
    'owner-id': ({ row }) => row.accountId,
    'vpc-id': ({ row }) => row.vpcId,
    'ip-permission.cidr': ofRules(0, (rule) => rule.cidrIpv4 ?? undefined),
    'ip-permission.from-port': ofRules(0, (rule) => rule.fromPort ?? undefined),
    'ip-permission.to-port': ofRules(0, (rule) => rule.toPort ?? undefined),
    'ip-permission.group-id': ofRules(0, (rule) => rule.sourceGroupId ?? undefined),
    'ip-permission.protocol': ofRules(0, (rule) => rule.protocol),
    'egress.ip-permission.cidr': ofRules(1, (rule) => rule.cidrIpv4 ?? undefined),
    'egress.ip-permission.protocol': ofRules(1, (rule) => rule.protocol),
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
    return { row, rules: own, tags: tags.of(row.id) };
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
    rules.filter((rule) => rule.isEgress === isEgress).map(renderPermission);
  return {
    GroupId: row.id,
    GroupName: row.name,
    Description: row.description,
    OwnerId: row.accountId,
    VpcId: row.vpcId,
    SecurityGroupArn: `arn:aws:ec2:${region}:${row.accountId}:security-group/${row.id}`,
    IpPermissions: permissions(0),
    IpPermissionsEgress: permissions(1),
    Tags: renderTags(tags),
  };
}

/** EC2 shows no ports where every protocol is meant. */
function renderPermission(rule: SecurityGroupRuleRow): IpPermission {
  const { protocol, fromPort, toPort, cidrIpv4, sourceGroupId, accountId } = rule;
  const isEverything = protocol === '-1' || fromPort === null || toPort === null;
  return {
    IpProtocol: protocol,
    ...(isEverything ? {} : { FromPort: fromPort, ToPort: toPort }),
    IpRanges: cidrIpv4 === null ? [] : [{ CidrIp: cidrIpv4 }],
    Ipv6Ranges: [],
    PrefixListIds: [],
    UserIdGroupPairs: sourceGroupId === null ? [] : [{ GroupId: sourceGroupId, UserId: accountId }],
  };
}
