// Owns how one rule of a security group is said to nftables: what it matches, and whether the flow is remembered.
//
// EC2 does not track TCP and UDP flows that a rule lets in from everywhere when everything may go the other way:
// such a flow ends with its rule. Any other flow that was let through once goes on, whatever becomes of the rule.
// https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/security-group-connection-tracking.html

import { parseCidr, renderCidr } from '@ironbark/core/ipv4.ts';
import { isIpv6Text, parseCidr6, renderCidr6 } from '@ironbark/core/ipv6.ts';
import type { GroupRuleIntent } from '@ironbark/protocol/internal/network-messages.ts';

export type Direction = 'ingress' | 'egress';

/** As nft calls them. */
export type Family = 'ip' | 'ip6';

/** Of a network, by its text. */
export function familyOf(cidr: string): Family {
  return isIpv6Text(cidr) ? 'ip6' : 'ip';
}

/** Bits of a connection's mark: the end that it comes from, or goes to, has let it through. */
export const LET_OUT = '0x00100000';
export const LET_IN = '0x00200000';

const ALL = -1;
const ICMP = 1;
const TCP = 6;
const UDP = 17;
const ICMPV6 = 58;
const LAST_PORT = 65_535;
/** Protocols whose header begins with the two ports: TCP, UDP, DCCP, SCTP, UDP-Lite. */
const WITH_PORTS: ReadonlySet<number> = new Set([TCP, UDP, 33, 132, 136]);

export interface MatchOptions {
  family: Family;
  direction: Direction;
  /** Flows of TCP and UDP from or to everywhere are not remembered. */
  isOpenBack: boolean;
}

/** The rules, none for what packets of that family cannot carry. */
export function renderGroupRule(
  rule: GroupRuleIntent,
  { family, direction, isOpenBack }: MatchOptions,
): string[] {
  const { peer } = rule;
  if (peer.kind === 'cidr' && familyOf(peer.cidr) !== family) return [];
  const match = protocolMatch(rule, family);
  if (match === undefined) return [];
  const parts = [peerMatch(rule, { family, direction }), match].filter((part) => part !== '');
  const remember = `ct mark set ct mark or ${direction === 'ingress' ? LET_IN : LET_OUT} accept`;
  if (!isOpenBack || !isFromEverywhere(rule)) return [[...parts, remember].join(' ')];
  if (rule.protocol === TCP || rule.protocol === UDP) return [[...parts, 'accept'].join(' ')];
  if (rule.protocol !== ALL) return [[...parts, remember].join(' ')];
  return ['meta l4proto { 6, 17 } accept', remember];
}

/** Everything may go in this direction, so that the answers to any flow may. */
export function opensEverything(rules: readonly GroupRuleIntent[], family: Family): boolean {
  const isOfFamily = ({ peer }: GroupRuleIntent) =>
    peer.kind === 'cidr' && familyOf(peer.cidr) === family;
  return rules.some((rule) => rule.protocol === ALL && isOfFamily(rule) && isFromEverywhere(rule));
}

function isFromEverywhere({ peer }: GroupRuleIntent): boolean {
  return peer.kind === 'cidr' && isEverywhere(peer.cidr);
}

export function isEverywhere(cidr: string): boolean {
  return (parseCidr6(cidr) ?? parseCidr(cidr))?.prefix === 0;
}

function peerMatch(
  rule: GroupRuleIntent,
  { family, direction }: Pick<MatchOptions, 'family' | 'direction'>,
): string {
  const field = `${family} ${direction === 'ingress' ? 'saddr' : 'daddr'}`;
  if (rule.peer.kind === 'group') return `${field} @${memberSet(rule.peer.groupId)}`;
  return isFromEverywhere(rule) ? '' : `${field} ${normalCidr(rule.peer.cidr)}`;
}

/** The addresses of a group's ports, in every rule that names it. */
export function memberSet(groupId: string): string {
  return `members-${groupId}`;
}

export function protocolMatch(
  rule: Pick<GroupRuleIntent, 'protocol' | 'ports'>,
  family: Family,
): string | undefined {
  const { protocol, ports } = rule;
  if (protocol === ALL) return '';
  if (protocol === (family === 'ip' ? ICMPV6 : ICMP)) return undefined;
  if (protocol === ICMP) return icmpMatch('icmp', ports);
  if (protocol === ICMPV6) return icmpMatch('icmpv6', ports);
  const isWhole = ports === undefined || ports.from === ALL;
  if (isWhole || (ports.from === 0 && ports.to === LAST_PORT) || !WITH_PORTS.has(protocol)) {
    return `meta l4proto ${protocol}`;
  }
  const range = ports.from === ports.to ? `${ports.from}` : `${ports.from}-${ports.to}`;
  return `meta l4proto ${protocol} th dport ${range}`;
}

function icmpMatch(name: 'icmp' | 'icmpv6', ports: GroupRuleIntent['ports']): string {
  if (ports === undefined || ports.from === ALL) {
    return `meta l4proto ${name === 'icmp' ? ICMP : ICMPV6}`;
  }
  const code = ports.to === ALL ? '' : ` ${name} code ${ports.to}`;
  return `${name} type ${ports.from}${code}`;
}

export function normalCidr(text: string): string {
  const [parsed, other] = [parseCidr(text), parseCidr6(text)];
  if (parsed !== undefined) return renderCidr(parsed);
  if (other !== undefined) return renderCidr6(other);
  throw new RangeError(`not a network: ${text}`);
}
