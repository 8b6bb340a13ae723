// Owns what the security groups of a router's VPCs come to in nftables: sets of members, one chain for each group,
// one for each combination of groups that a port has, and a map from a port's address to its combination.
//
// Two base chains look at every packet that is forwarded, first for the port that it leaves, then for the one that
// it enters; each port's address is in one element of a map for each, so neither their number nor that of the groups
// makes a packet slower, and a port that comes or goes changes elements and no rule.
// Nobody's answer is looked for: what the host itself sends or gets does not pass here.

import { createHash } from 'node:crypto';
import type { InterfaceId, SecurityGroupId } from '@ironbark/core/ids.ts';
import type {
  PortIntent,
  SecurityGroupIntent,
  VpcIntent,
} from '@ironbark/protocol/internal/network-messages.ts';
import {
  type Direction,
  memberSet,
  normalCidr,
  opensEverything,
  renderGroupRule,
} from './group-match.ts';

export interface GroupRules {
  /** Networks whose addresses have to be some port's. */
  governed: readonly string[];
  /** Set's name to addresses. */
  members: ReadonlyMap<string, ReadonlySet<string>>;
  /** Chain's name to rules; a chain comes after those that it jumps to. */
  chains: ReadonlyMap<string, readonly string[]>;
  /** By direction, address to verdict. */
  verdicts: Readonly<Record<Direction, ReadonlyMap<string, string>>>;
}

export interface GroupScope {
  /** Those whose packets this router forwards. */
  vpcs: readonly VpcIntent[];
  /** Every VPC that the node knows: groups of one may name those of a peer. */
  known: readonly VpcIntent[];
  /** Ports that are on this host; what the others let through is their own host's affair. */
  isLocal: (id: InterfaceId) => boolean;
}

const COMBINATION_DIGITS = 12;

export function planGroupRules({ vpcs, known, isLocal }: GroupScope): GroupRules {
  const groups = new Map(vpcs.flatMap((vpc) => vpc.groups.map((group) => [group.id, group])));
  const chains = new Map<string, string[]>();
  const combinations = new Map<string, string[]>();
  const verdicts = { ingress: new Map<string, string>(), egress: new Map<string, string>() };
  for (const port of vpcs.flatMap((vpc) => vpc.ports)) {
    for (const direction of ['ingress', 'egress'] as const) {
      const verdict = isLocal(port.interfaceId)
        ? `jump ${addCombination({ direction, port, groups, chains, combinations })}`
        : 'accept';
      for (const address of port.privateIps) verdicts[direction].set(address, verdict);
    }
  }
  const all = new Map([...chains, ...combinations]);
  return {
    governed: vpcs.flatMap((vpc) => vpc.subnets.map(({ cidr }) => normalCidr(cidr))).sort(),
    members: membersOf(namedSets(all), known),
    chains: all,
    verdicts,
  };
}

interface CombinationScope {
  direction: Direction;
  port: PortIntent;
  groups: ReadonlyMap<SecurityGroupId, SecurityGroupIntent>;
  chains: Map<string, string[]>;
  combinations: Map<string, string[]>;
}

/** Ports with the same groups share one. */
function addCombination(scope: CombinationScope): string {
  const { direction, port, groups, combinations } = scope;
  const ids = [...new Set(port.groupIds)].filter((id) => groups.has(id)).sort();
  const hash = createHash('sha256').update(ids.join(' ')).digest('hex');
  const name = `${direction}-of-${hash.slice(0, COMBINATION_DIGITS)}`;
  if (combinations.has(name)) return name;
  const back = direction === 'ingress' ? 'egress' : 'ingress';
  const isOpenBack = ids.some((id) => opensEverything(groups.get(id)![back]));
  const jumps = ids.map((id) => `jump ${addGroup(scope, groups.get(id)!, isOpenBack)}`);
  combinations.set(name, [...jumps, 'drop']);
  return name;
}

function addGroup(
  { direction, chains }: CombinationScope,
  group: SecurityGroupIntent,
  isOpenBack: boolean,
): string {
  const name = `${direction}-${group.id}${isOpenBack ? '-open' : ''}`;
  if (!chains.has(name)) {
    const rules = group[direction].flatMap((rule) =>
      renderGroupRule(rule, { direction, isOpenBack }),
    );
    chains.set(name, [...new Set(rules)]);
  }
  return name;
}

/** Only groups that some rule names have a set. */
function namedSets(chains: ReadonlyMap<string, readonly string[]>): Set<string> {
  const rules = [...chains.values()].flat();
  return new Set(rules.flatMap((rule) => [...rule.matchAll(/@(\S+)/g)].map((found) => found[1]!)));
}

function membersOf(
  names: ReadonlySet<string>,
  known: readonly VpcIntent[],
): Map<string, Set<string>> {
  const members = new Map([...names].map((name) => [name, new Set<string>()]));
  for (const port of known.flatMap(({ ports }) => ports)) {
    for (const groupId of port.groupIds) {
      const set = members.get(memberSet(groupId));
      if (set !== undefined) for (const address of port.privateIps) set.add(address);
    }
  }
  return members;
}
