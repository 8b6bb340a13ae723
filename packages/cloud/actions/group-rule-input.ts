// Owns how requests name single rules of groups, and what they become.

import type { SecurityGroupRuleDescription, SecurityGroupRuleRequest } from '@aws-sdk/client-ec2';
import { type Permission, parseDescription, parsePermissions } from '../app/group-permissions.ts';
import { invalidCombination, missingParameter, notOffered, refuse } from '../app/refusals.ts';
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

const ENDS = ['CidrIpv4', 'CidrIpv6', 'PrefixListId', 'ReferencedGroupId'] as const;
const END_NAMES = 'cidrIp, cidrIpv6, prefixListId, or referencedGroupId';
/** TCP and UDP, by name and number. */
const WITH_PORTS = ['tcp', '6', 'udp', '17'];

function requireWholeRule(rule: SecurityGroupRuleRequest): void {
  const { IpProtocol, FromPort, ToPort } = rule;
  if (IpProtocol === undefined) {
    throw invalidRequest(
      "Invalid value 'null' for protocol. VPC security group rules must specify protocols explicitly.",
    );
  }
  const isWhole = FromPort !== undefined && ToPort !== undefined;
  if (WITH_PORTS.includes(IpProtocol) && !isWhole) {
    throw invalidRequest(
      'Invalid value for portRange. Must specify both from and to ports with TCP/UDP.',
    );
  }
  const ends = ENDS.filter((name) => rule[name] !== undefined);
  if (ends.length > 1) throw invalidCombination(`Only one of ${END_NAMES} can be specified`);
  if (ends.length === 1) return;
  const message = `The request must contain exactly one of: ${END_NAMES}`;
  throw refuse('missing-parameter', 'request', message);
}

function invalidRequest(message: string) {
  return refuse('invalid-parameter', 'request', message);
}

/** The whole rule as it is to be, with one other end. */
export function parseRule(
  rule: SecurityGroupRuleRequest | undefined,
  groups: readonly SecurityGroupRow[],
): Permission {
  if (rule === undefined) throw missingParameter('SecurityGroupRule');
  const { IpProtocol, FromPort, ToPort, CidrIpv4, CidrIpv6, ReferencedGroupId } = rule;
  const { Description } = rule;
  requireWholeRule(rule);
  if (rule.PrefixListId !== undefined) throw notOffered('A prefix list');
  const pair = { GroupId: ReferencedGroupId, Description };
  const permission = {
    IpProtocol,
    FromPort,
    ToPort,
    IpRanges: CidrIpv4 === undefined ? [] : [{ CidrIp: CidrIpv4, Description }],
    Ipv6Ranges: CidrIpv6 === undefined ? [] : [{ CidrIpv6, Description }],
    UserIdGroupPairs: ReferencedGroupId === undefined ? [] : [pair],
  };
  return parsePermissions({ IpPermissions: [permission] }, groups)[0]!;
}
