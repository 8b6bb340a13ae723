// Owns how one rule of a security group is said to nftables: what it matches, and whether the flow is remembered.
//
// EC2 does not track TCP and UDP flows that a rule lets in from everywhere when everything may go the other way:
// such a flow ends with its rule. Any other flow that was let through once goes on, whatever becomes of the rule.
// https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/security-group-connection-tracking.html

import { parseCidr, renderCidr } from '@ironbark/core/ipv4.ts';
import type { GroupRuleIntent } from '@ironbark/protocol/internal/network-messages.ts';

export type Direction = 'ingress' | 'egress';

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
  direction: Direction;
  /** Flows of TCP and UDP from or to everywhere are not remembered. */
  isOpenBack: boolean;
}

/** The rules, none for what IPv4 cannot carry. */
export function renderGroupRule(
  rule: GroupRuleIntent,
  { direction, isOpenBack }: MatchOptions,
): string[] {
  const match = protocolMatch(rule);
  if (match === undefined) return [];
  const parts = [peerMatch(rule, direction), match].filter((part) => part !== '');
  const remember = `ct mark set ct mark or ${direction === 'ingress' ? LET_IN : LET_OUT} accept`;
  if (!isOpenBack || !isFromEverywhere(rule)) return [[...parts, remember].join(' ')];
  if (rule.protocol === TCP || rule.protocol === UDP) return [[...parts, 'accept'].join(' ')];
  if (rule.protocol !== ALL) return [[...parts, remember].join(' ')];
  return ['meta l4proto { 6, 17 } accept', remember];
}

/** Everything may go in this direction, so that the answers to any flow may. */
export function opensEverything(rules: readonly GroupRuleIntent[]): boolean {
  return rules.some((rule) => rule.protocol === ALL && isFromEverywhere(rule));
}

function isFromEverywhere({ peer }: GroupRuleIntent): boolean {
  return peer.kind === 'cidr' && parseCidr(peer.cidr)?.prefix === 0;
}

function peerMatch(rule: GroupRuleIntent, direction: Direction): string {
  const field = direction === 'ingress' ? 'ip saddr' : 'ip daddr';
  if (rule.peer.kind === 'group') return `${field} @${memberSet(rule.peer.groupId)}`;
  return isFromEverywhere(rule) ? '' : `${field} ${normalCidr(rule.peer.cidr)}`;
}

/** The addresses of a group's ports, in every rule that names it. */
export function memberSet(groupId: string): string {
  return `members-${groupId}`;
}

export function protocolMatch(
  rule: Pick<GroupRuleIntent, 'protocol' | 'ports'>,
): string | undefined {
  const { protocol, ports } = rule;
  if (protocol === ALL) return '';
  if (protocol === ICMPV6) return undefined;
  if (protocol === ICMP) return icmpMatch(ports);
  const isWhole = ports === undefined || ports.from === ALL;
  if (isWhole || (ports.from === 0 && ports.to === LAST_PORT) || !WITH_PORTS.has(protocol)) {
    return `meta l4proto ${protocol}`;
  }
  const range = ports.from === ports.to ? `${ports.from}` : `${ports.from}-${ports.to}`;
  return `meta l4proto ${protocol} th dport ${range}`;
}

function icmpMatch(ports: GroupRuleIntent['ports']): string {
  if (ports === undefined || ports.from === ALL) return `meta l4proto ${ICMP}`;
  const code = ports.to === ALL ? '' : ` icmp code ${ports.to}`;
  return `icmp type ${ports.from}${code}`;
}

export function normalCidr(text: string): string {
  const parsed = parseCidr(text);
  if (parsed === undefined) throw new RangeError(`not a network: ${text}`);
  return renderCidr(parsed);
}
