// Owns EC2's shape of security groups and their rules.

import type {
  IpPermission,
  RevokedSecurityGroupRule,
  SecurityGroupRule,
} from '@aws-sdk/client-ec2';
import { ALL_PROTOCOLS } from '../app/group-permissions.ts';
import type { Tag } from '../app/tags.ts';
import type { SecurityGroupRow, SecurityGroupRuleRow } from '../store/schema.ts';
import { renderTags } from './render-instance.ts';

export function groupArn({ id, accountId }: SecurityGroupRow, region: string): string {
  return `arn:aws:ec2:${region}:${accountId}:security-group/${id}`;
}

function shapeOf(rule: SecurityGroupRuleRow) {
  return {
    SecurityGroupRuleId: rule.id,
    GroupId: rule.groupId,
    IsEgress: rule.isEgress === 1,
    IpProtocol: rule.protocol,
    FromPort: rule.fromPort ?? -1,
    ToPort: rule.toPort ?? -1,
    ...(rule.cidrIpv4 === null ? {} : { CidrIpv4: rule.cidrIpv4 }),
    ...(rule.cidrIpv6 === null ? {} : { CidrIpv6: rule.cidrIpv6 }),
    ...(rule.description === null ? {} : { Description: rule.description }),
  };
}

export interface RuleItem {
  rule: SecurityGroupRuleRow;
  tags: readonly Tag[];
}

export function renderRule({ rule, tags }: RuleItem, region: string): SecurityGroupRule {
  const { sourceGroupId: GroupId, accountId: UserId } = rule;
  return {
    ...shapeOf(rule),
    GroupOwnerId: rule.accountId,
    ...(GroupId === null ? {} : { ReferencedGroupInfo: { GroupId, UserId } }),
    Tags: renderTags(tags),
    SecurityGroupRuleArn: `arn:aws:ec2:${region}:${UserId}:security-group-rule/${rule.id}`,
  };
}

export function renderRevoked(rule: SecurityGroupRuleRow): RevokedSecurityGroupRule {
  const { sourceGroupId } = rule;
  return {
    ...shapeOf(rule),
    ...(sourceGroupId === null ? {} : { ReferencedGroupId: sourceGroupId }),
  };
}

/** Rules of one protocol and one range of ports are one permission with several other ends. */
export function renderPermissions(rules: readonly SecurityGroupRuleRow[]): IpPermission[] {
  const alike = Map.groupBy(rules, (rule) =>
    JSON.stringify([rule.protocol, rule.fromPort, rule.toPort]),
  );
  return [...alike.values()].map(renderPermission);
}

/** EC2 shows no ports where every protocol is meant. */
function renderPermission(rules: readonly SecurityGroupRuleRow[]): IpPermission {
  const { protocol, fromPort, toPort } = rules[0]!;
  const isEverything = protocol === ALL_PROTOCOLS || fromPort === null || toPort === null;
  return {
    IpProtocol: protocol,
    ...(isEverything ? {} : { FromPort: fromPort, ToPort: toPort }),
    IpRanges: rules.flatMap((rule) =>
      rule.cidrIpv4 === null ? [] : [{ CidrIp: rule.cidrIpv4, ...descriptionOf(rule) }],
    ),
    Ipv6Ranges: rules.flatMap((rule) =>
      rule.cidrIpv6 === null ? [] : [{ CidrIpv6: rule.cidrIpv6, ...descriptionOf(rule) }],
    ),
    PrefixListIds: [],
    UserIdGroupPairs: rules.flatMap((rule) =>
      rule.sourceGroupId === null
        ? []
        : [{ GroupId: rule.sourceGroupId, UserId: rule.accountId, ...descriptionOf(rule) }],
    ),
  };
}

function descriptionOf({ description }: SecurityGroupRuleRow): { Description?: string } {
  return description === null ? {} : { Description: description };
}
