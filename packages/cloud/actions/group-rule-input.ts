// Owns how requests name single rules of groups, and what they become.

import type { SecurityGroupRuleDescription, SecurityGroupRuleRequest } from '@aws-sdk/client-ec2';
import { type Permission, parseDescription, parsePermissions } from '../app/group-permissions.ts';
import { invalidCombination, missingParameter, notOffered } from '../app/refusals.ts';
import { GROUP_RULE, parseId } from '../app/resource-ids.ts';
import type { SecurityGroupRow } from '../store/schema.ts';

export function parseRuleDescriptions(
  descriptions: readonly SecurityGroupRuleDescription[] | undefined,
) {
  return (descriptions ?? []).map(({ SecurityGroupRuleId, Description }) => ({
    id: parseId(GROUP_RULE, SecurityGroupRuleId, 'SecurityGroupRuleId'),
    description: parseDescription(Description),
  }));
}

/** The whole rule as it is to be, with one other end. */
export function parseRule(
  rule: SecurityGroupRuleRequest | undefined,
  groups: readonly SecurityGroupRow[],
): Permission {
  if (rule === undefined) throw missingParameter('SecurityGroupRule');
  const { IpProtocol, FromPort, ToPort, CidrIpv4, ReferencedGroupId, Description } = rule;
  if (rule.CidrIpv6 !== undefined) throw notOffered('IPv6', 'Use CidrIpv4.');
  if (rule.PrefixListId !== undefined) throw notOffered('A prefix list');
  if (CidrIpv4 !== undefined && ReferencedGroupId !== undefined) {
    throw invalidCombination('Only one of cidrIpv4 and referencedGroupId can be given.');
  }
  const pair = { GroupId: ReferencedGroupId, Description };
  const permission = {
    IpProtocol,
    FromPort,
    ToPort,
    IpRanges: CidrIpv4 === undefined ? [] : [{ CidrIp: CidrIpv4, Description }],
    UserIdGroupPairs: ReferencedGroupId === undefined ? [] : [pair],
  };
  return parsePermissions({ IpPermissions: [permission] }, groups)[0]!;
}
