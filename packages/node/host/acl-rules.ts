// Owns how network ACLs are said to nftables: numbered entries of a subnet, looked at for each packet that crosses its
// edge, answers too, as EC2 does. Packets between two guests of one subnet cross no edge.

import type { AclEntryIntent } from '@ironbark/protocol/internal/network-messages.ts';
import { normalCidr, protocolMatch } from './group-match.ts';

/** Before the groups: what an ACL refuses is refused whatever they say. */
const ACL_PRIORITY = -9;

export interface AclSubnet {
  bridge: string;
  cidr: string;
  acl: readonly AclEntryIntent[];
}

/** Chains for the cloud's table; none for subnets that let everything through. */
export function aclChains(subnets: readonly AclSubnet[]): string[] {
  const limited = subnets.flatMap(({ bridge, cidr, acl }) =>
    [true, false]
      .map((isEgress) => ({ bridge, cidr, isEgress, entries: entriesOf(acl, isEgress) }))
      .filter(({ entries }) => !letsAllThrough(entries)),
  );
  if (limited.length === 0) return [];
  const edges = limited.map(({ bridge, isEgress, ...subnet }) => {
    const cidr = normalCidr(subnet.cidr);
    return isEgress
      ? `iifname "${bridge}" ip daddr != ${cidr} jump ${chainName(bridge, isEgress)}`
      : `oifname "${bridge}" ip saddr != ${cidr} jump ${chainName(bridge, isEgress)}`;
  });
  const base = `chain acl {\ntype filter hook forward priority ${ACL_PRIORITY}; policy accept;\n${edges.join('\n')}\n}\n`;
  const chains = limited.map(({ bridge, isEgress, entries }) => {
    const lines = [...entries.map(renderEntry), 'drop'];
    return `chain ${chainName(bridge, isEgress)} {\n${lines.join('\n')}\n}\n`;
  });
  return [...chains, base];
}

function chainName(bridge: string, isEgress: boolean): string {
  return `${isEgress ? 'egress' : 'ingress'}-${bridge}`;
}

function entriesOf(acl: readonly AclEntryIntent[], isEgress: boolean): AclEntryIntent[] {
  return acl
    .filter((entry) => entry.isEgress === isEgress && protocolMatch(entry) !== undefined)
    .toSorted((a, b) => a.ruleNumber - b.ruleNumber);
}

function letsAllThrough([first]: readonly AclEntryIntent[]): boolean {
  if (first === undefined || !first.isAllowed || first.protocol !== -1) return false;
  return normalCidr(first.cidr) === '0.0.0.0/0';
}

function renderEntry(entry: AclEntryIntent): string {
  const cidr = normalCidr(entry.cidr);
  const field = entry.isEgress ? 'ip daddr' : 'ip saddr';
  const from = cidr === '0.0.0.0/0' ? '' : `${field} ${cidr}`;
  const verdict = entry.isAllowed ? 'return' : 'drop';
  return [from, protocolMatch(entry), verdict].filter(Boolean).join(' ');
}
