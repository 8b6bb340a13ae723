// Owns how EC2's ways to write what a group lets through become rules: one for each other end.

import type { IpPermission } from '@aws-sdk/client-ec2';
import type { SecurityGroupId } from '@ironbark/core/ids.ts';
import { parseCidr, renderCidr } from '@ironbark/core/ipv4.ts';
import { parseCidr6, renderCidr6 } from '@ironbark/core/ipv6.ts';
import type { SecurityGroupRow, SecurityGroupRuleRow } from '../store/schema.ts';
import {
  invalidCombination,
  invalidValue,
  missingParameter,
  notFound,
  notOffered,
  refuse,
} from './refusals.ts';
import { GROUP, parseId } from './resource-ids.ts';

/** What makes two rules of a group the same. */
export type RuleShape = Pick<
  SecurityGroupRuleRow,
  'protocol' | 'fromPort' | 'toPort' | 'cidrIpv4' | 'cidrIpv6' | 'sourceGroupId'
>;

export interface Permission extends RuleShape {
  description: string | null;
}

/** The parameters that EC2 takes besides IpPermissions. */
export interface FlatPermission {
  IpPermissions?: readonly IpPermission[] | undefined;
  IpProtocol?: string | undefined;
  FromPort?: number | undefined;
  ToPort?: number | undefined;
  CidrIp?: string | undefined;
  SourceSecurityGroupName?: string | undefined;
  SourceSecurityGroupOwnerId?: string | undefined;
}

export const ALL_PROTOCOLS = '-1';
const ICMPV6 = 'icmpv6';
/** Those that EC2 answers by name. */
const NAMES: Readonly<Record<string, string>> = {
  '1': 'icmp',
  '6': 'tcp',
  '17': 'udp',
  '58': ICMPV6,
};
const MAX_PERMISSIONS = 1_000;
const MAX_PORT = 65_535;
const ALL_ICMP = -1;
const MAX_ICMP = 255;

/** `groups` are those that a permission may name: of the group's own VPC. */
export function parsePermissions(
  input: FlatPermission,
  groups: readonly SecurityGroupRow[],
): Permission[] {
  const given = input.IpPermissions ?? [];
  const flat = parseFlat(input);
  if (given.length > 0 && flat !== undefined) {
    throw invalidCombination('Give IpPermissions, or one permission by its own parameters.');
  }
  const permissions = flat === undefined ? given : [flat];
  if (permissions.length > MAX_PERMISSIONS) {
    throw refuse(
      'limit-exceeded',
      'request',
      `A request has up to ${MAX_PERMISSIONS} permissions.`,
    );
  }
  const parsed = permissions.flatMap((permission) => parsePermission(permission, groups));
  const keys = new Set(parsed.map(keyOf));
  if (keys.size === parsed.length) return parsed;
  throw refuse(
    'invalid-parameter',
    'request',
    'The same permission must not appear multiple times',
  );
}

/** Undefined where none of those parameters is given. */
function parseFlat(input: FlatPermission): IpPermission | undefined {
  const { IpProtocol, FromPort, ToPort, CidrIp, SourceSecurityGroupName: GroupName } = input;
  const { SourceSecurityGroupOwnerId: UserId } = input;
  const parts = [IpProtocol, FromPort, ToPort, CidrIp, GroupName, UserId];
  if (parts.every((part) => part === undefined)) return undefined;
  return {
    // Given a group alone, EC2 takes everything.
    IpProtocol: IpProtocol ?? (GroupName === undefined ? undefined : ALL_PROTOCOLS),
    FromPort,
    ToPort,
    IpRanges: CidrIp === undefined ? [] : [{ CidrIp }],
    UserIdGroupPairs: GroupName === undefined ? [] : [{ GroupName, UserId }],
  };
}

function parsePermission(
  permission: IpPermission,
  groups: readonly SecurityGroupRow[],
): Permission[] {
  if ((permission.PrefixListIds ?? []).length > 0) throw notOffered('A prefix list');
  const what = parseProtocol(permission);
  const ranges = (permission.IpRanges ?? []).map(({ CidrIp, Description }) => ({
    ...what,
    cidrIpv4: parseRange(CidrIp),
    cidrIpv6: null,
    sourceGroupId: null,
    description: parseDescription(Description),
  }));
  const ranges6 = (permission.Ipv6Ranges ?? []).map(({ CidrIpv6, Description }) => ({
    ...what,
    cidrIpv4: null,
    cidrIpv6: parseRange6(CidrIpv6),
    sourceGroupId: null,
    description: parseDescription(Description),
  }));
  const pairs = (permission.UserIdGroupPairs ?? []).map((pair) => ({
    ...what,
    cidrIpv4: null,
    cidrIpv6: null,
    sourceGroupId: findPeer(pair, groups),
    description: parseDescription(pair.Description),
  }));
  const all = [...ranges, ...ranges6, ...pairs];
  if (all.length > 0) return all;
  throw missingParameter('ipRanges or groups in each of ipPermissions');
}

export function parseProtocol({
  IpProtocol,
  FromPort,
  ToPort,
}: Pick<IpPermission, 'IpProtocol' | 'FromPort' | 'ToPort'>): Pick<
  RuleShape,
  'protocol' | 'fromPort' | 'toPort'
> {
  if (IpProtocol === undefined || IpProtocol === '') throw missingParameter('ipProtocol');
  const given = IpProtocol.toLowerCase();
  const protocol = given === 'all' ? ALL_PROTOCOLS : (NAMES[given] ?? given);
  if (protocol === 'tcp' || protocol === 'udp') {
    return { protocol, ...parsePorts(FromPort, ToPort) };
  }
  if (protocol === 'icmp' || protocol === ICMPV6)
    return { protocol, ...parseIcmp(FromPort, ToPort) };
  const isNumber = /^(?:0|[1-9]\d{0,2})$/.test(protocol) && Number(protocol) <= 255;
  // Of every other protocol EC2 lets all through, whatever ports are given.
  if (protocol === ALL_PROTOCOLS || isNumber) return { protocol, fromPort: -1, toPort: -1 };
  throw invalidValue(
    'ipProtocol',
    IpProtocol.slice(0, 40),
    'Unrecognized protocol: it is tcp, udp, icmp, a number, or -1 for all.',
  );
}

function parsePorts(from: number | undefined, to: number | undefined) {
  if (from === undefined || to === undefined) {
    throw refuse(
      'invalid-parameter',
      'request',
      "Invalid value 'Must specify both from and to ports with TCP/UDP.' for portRange.",
    );
  }
  for (const port of [from, to]) {
    if (port >= 0 && port <= MAX_PORT) continue;
    throw refuse('invalid-parameter', 'request', `TCP/UDP port (${port}) out of range`);
  }
  if (from > to) {
    throw refuse(
      'invalid-parameter',
      'request',
      `Invalid TCP/UDP port range (${from} (from) > ${to} (to))`,
    );
  }
  return { fromPort: from, toPort: to };
}

function parseIcmp(type = ALL_ICMP, code = ALL_ICMP) {
  for (const [what, value] of [
    ['type', type],
    ['code', code],
  ] as const) {
    if (value >= ALL_ICMP && value <= MAX_ICMP) continue;
    throw refuse('invalid-parameter', 'request', `ICMP ${what} (${value}) out of range`);
  }
  return { fromPort: type, toPort: code };
}

export function parseRange(text: string | undefined): string {
  if (text === undefined) throw missingParameter('cidrIp');
  const cidr = text.includes('/') ? parseCidr(text) : undefined;
  // EC2 clears the bits after the length too.
  if (cidr !== undefined) return renderCidr(cidr);
  throw refuse('invalid-parameter', 'request', `CIDR block ${text.slice(0, 64)} is malformed`);
}

function parseRange6(text: string | undefined): string {
  if (text === undefined) throw missingParameter('cidrIpv6');
  const cidr = parseCidr6(text);
  if (cidr !== undefined) return renderCidr6(cidr);
  throw refuse('invalid-parameter', 'request', `CIDR block ${text.slice(0, 64)} is malformed`);
}

/** "Up to 255 characters in length": API reference of IpRange. */
export function parseDescription(text: string | undefined): string | null {
  if (text === undefined || text === '') return null;
  if (/^[a-zA-Z0-9 ._\-:/()#,@[\]+=&;{}!$*]{1,255}$/.test(text)) return text;
  throw refuse(
    'invalid-parameter',
    'request',
    'Invalid rule description. Valid descriptions are strings less than 256 characters from the following set: a-zA-Z0-9. _-:/()#,@[]+=&;{}!$*',
  );
}

function findPeer(
  pair: NonNullable<IpPermission['UserIdGroupPairs']>[number],
  groups: readonly SecurityGroupRow[],
): SecurityGroupId {
  if (pair.VpcPeeringConnectionId !== undefined) {
    throw notOffered('A group of a peered VPC in a rule', "Use the peer's CIDR blocks.");
  }
  const { GroupId, GroupName, UserId } = pair;
  if (GroupId !== undefined) {
    const id = parseId(GROUP, GroupId, 'GroupId');
    if (groups.some((group) => group.id === id && isOwnedBy(group, UserId))) return id;
    throw notFound('security-group', 'security group', [id]);
  }
  if (GroupName === undefined) throw missingParameter('groupId');
  const found = groups.find((group) => group.name === GroupName && isOwnedBy(group, UserId));
  if (found !== undefined) return found.id;
  throw notFound('security-group', 'security group', [GroupName.slice(0, 255)]);
}

function isOwnedBy(group: SecurityGroupRow, userId: string | undefined): boolean {
  return userId === undefined || userId === group.accountId;
}

export function keyOf(rule: RuleShape): string {
  const { protocol, fromPort, toPort, cidrIpv4, cidrIpv6, sourceGroupId } = rule;
  const peer = [cidrIpv4, cidrIpv6, sourceGroupId];
  return JSON.stringify([protocol, fromPort ?? -1, toPort ?? -1, ...peer]);
}

/** EC2's own way to say which rule it is. */
export function describeRule(rule: RuleShape): string {
  const { protocol, fromPort, toPort, cidrIpv4, cidrIpv6, sourceGroupId } = rule;
  const peer = cidrIpv4 ?? cidrIpv6 ?? sourceGroupId;
  if (protocol === ALL_PROTOCOLS) return `"peer: ${peer}, ALL, ALLOW"`;
  const ports = `from port: ${fromPort}, to port: ${toPort}`;
  return `"peer: ${peer}, ${protocol.toUpperCase()}, ${ports}, ALLOW"`;
}
