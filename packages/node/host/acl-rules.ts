// Owns how network ACLs are said to nftables: numbered entries of a subnet, looked at for each packet that crosses its
// edge, answers too, as EC2 does. Packets between two guests of one subnet cross no edge.

import type { AclEntryIntent } from '@ironbark/protocol/internal/network-messages.ts';
import { ACL_ENTERING, ACL_LEAVING } from './forward-priorities.ts';
import { type Family, familyOf, isEverywhere, normalCidr, protocolMatch } from './group-match.ts';

export interface AclSubnet {
  bridge: string;
  cidr: string;
  acl: readonly AclEntryIntent[];
}

/** Chains for the cloud's table; none for subnets that let everything through. */
export function aclChains(subnets: readonly AclSubnet[], family: Family = 'ip'): string[] {
  const limited = subnets.flatMap(({ bridge, cidr, acl }) =>
    [true, false]
      .map((isEgress) => ({ bridge, cidr, isEgress, entries: entriesOf(acl, isEgress, family) }))
      .filter(({ entries }) => !letsAllThrough(entries)),
  );
  if (limited.length === 0) return [];
  const bases = [true, false].map((isEgress) => {
    const edges = limited
      .filter((one) => one.isEgress === isEgress)
      .map(({ bridge, cidr }) => {
        const away = `${family} ${isEgress ? 'daddr' : 'saddr'} != ${normalCidr(cidr)}`;
        const edge = `${isEgress ? 'iifname' : 'oifname'} "${bridge}" ${away}`;
        return `${edge} jump ${chainName(bridge, isEgress)}`;
      });
    return baseChain(isEgress, edges);
  });
  const chains = limited.map(({ bridge, isEgress, entries }) => {
    const lines = [...entries.map((entry) => renderEntry(entry, family)), 'drop'];
    return `chain ${chainName(bridge, isEgress)} {\n${lines.join('\n')}\n}\n`;
  });
  return [...chains, ...bases];
}

/** Before the groups: what an ACL refuses is refused whatever they say. */
function baseChain(isEgress: boolean, lines: readonly string[]): string {
  if (lines.length === 0) return '';
  const [name, priority] = isEgress ? ['leaving', ACL_LEAVING] : ['entering', ACL_ENTERING];
  const hook = `type filter hook forward priority ${priority}; policy accept;`;
  return `chain acl-${name} {\n${hook}\n${lines.join('\n')}\n}\n`;
}

function chainName(bridge: string, isEgress: boolean): string {
  return `${isEgress ? 'egress' : 'ingress'}-${bridge}`;
}

function entriesOf(
  acl: readonly AclEntryIntent[],
  isEgress: boolean,
  family: Family,
): AclEntryIntent[] {
  return acl
    .filter((entry) => entry.isEgress === isEgress && familyOf(entry.cidr) === family)
    .filter((entry) => protocolMatch(entry, family) !== undefined)
    .toSorted((a, b) => a.ruleNumber - b.ruleNumber);
}

function letsAllThrough([first]: readonly AclEntryIntent[]): boolean {
  if (first === undefined || !first.isAllowed || first.protocol !== -1) return false;
  return isEverywhere(first.cidr);
}

function renderEntry(entry: AclEntryIntent, family: Family): string {
  const field = `${family} ${entry.isEgress ? 'daddr' : 'saddr'}`;
  const from = isEverywhere(entry.cidr) ? '' : `${field} ${normalCidr(entry.cidr)}`;
  const verdict = entry.isAllowed ? 'return' : 'drop';
  return [from, protocolMatch(entry, family), verdict].filter(Boolean).join(' ');
}
