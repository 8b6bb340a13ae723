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
  SubnetNetworkIntent,
  VpcIntent,
} from '@ironbark/protocol/internal/network-messages.ts';
import {
  type Direction,
  type Family,
  memberSet,
  normalCidr,
  opensEverything,
  renderGroupRule,
} from './group-match.ts';

export interface GroupRules {
  family: Family;
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
  /** Of the packets that are looked at; IPv4's when absent. */
  family?: Family;
  /** Those whose packets this router forwards. */
  vpcs: readonly VpcIntent[];
  /** Every VPC that the node knows: groups of one may name those of a peer. */
  known: readonly VpcIntent[];
  /** Ports that are on this host; what the others let through is their own host's affair. */
  isLocal: (id: InterfaceId) => boolean;
}

const COMBINATION_DIGITS = 12;
const DIRECTIONS = ['ingress', 'egress'] as const;

export function planGroupRules({ family = 'ip', vpcs, known, isLocal }: GroupScope): GroupRules {
  const groups = new Map(vpcs.flatMap((vpc) => vpc.groups.map((group) => [group.id, group])));
  const chains = new Map<string, string[]>();
  const combinations = new Map<string, readonly string[]>();
  const jumps = { ingress: new Map<string, string>(), egress: new Map<string, string>() };
  const open = {
    ingress: openGroups(groups, family, 'ingress'),
    egress: openGroups(groups, family, 'egress'),
  };
  const shared = { family, groups, chains, combinations, jumps, open };
  const verdicts = { ingress: new Map<string, string>(), egress: new Map<string, string>() };
  for (const port of vpcs.flatMap((vpc) => vpc.ports)) {
    const addresses = addressesOf(port, family);
    if (addresses.length === 0) continue;
    const isHere = isLocal(port.interfaceId);
    // There may be a hundred thousand, and this is done at each change of one: nothing is made that need not be.
    const key = port.groupIds.length === 1 ? port.groupIds[0]! : port.groupIds.join(' ');
    for (const direction of DIRECTIONS) {
      const verdict = isHere
        ? (jumps[direction].get(key) ?? addCombination({ direction, port, key, ...shared }))
        : 'accept';
      for (const address of addresses) verdicts[direction].set(address, verdict);
    }
  }
  const all = new Map<string, readonly string[]>([...chains, ...combinations]);
  return {
    family,
    governed: vpcs.flatMap((vpc) => vpc.subnets.flatMap((each) => blocksOf(each, family))).sort(),
    // Combinations only jump.
    members: membersOf(namedSets(chains), known, family),
    chains: all,
    verdicts,
  };
}

function addressesOf(port: PortIntent, family: Family): readonly string[] {
  return family === 'ip' ? port.privateIps : (port.ipv6Addresses ?? []);
}

function blocksOf({ cidr, ipv6 }: SubnetNetworkIntent, family: Family): string[] {
  if (family === 'ip') return [normalCidr(cidr)];
  return ipv6 === undefined ? [] : [normalCidr(ipv6.cidr)];
}

function openGroups(
  groups: ReadonlyMap<SecurityGroupId, SecurityGroupIntent>,
  family: Family,
  direction: Direction,
): Set<SecurityGroupId> {
  const all = [...groups.values()].filter((group) => opensEverything(group[direction], family));
  return new Set(all.map(({ id }) => id));
}

interface Combination {
  name: string;
  /** The verdict that leads to it; one text, so that those of two plans are compared at once. */
  jump: string;
  lines: readonly string[];
  /** Those that it jumps to. */
  chains: readonly { id: SecurityGroupId; name: string }[];
}

/** Changes come one after the other, and nearly all combinations are those of the last. */
const combinationsMade = new Map<string, Combination>();
const MAX_COMBINATIONS = 16_384;

/** It follows from what it is called with alone. */
function combinationOf(
  direction: Direction,
  given: readonly SecurityGroupId[],
  isOpenBack: boolean,
): Combination {
  const key = `${direction} ${isOpenBack} ${given.join(' ')}`;
  const known = combinationsMade.get(key);
  if (known !== undefined) return known;
  const ids = [...new Set(given)].sort();
  const digest = createHash('sha256').update(ids.join(' ')).digest('hex');
  const ending = isOpenBack ? '-open' : '';
  const chains = ids.map((id) => ({ id, name: `${direction}-${id}${ending}` }));
  const name = `${direction}-of-${digest.slice(0, COMBINATION_DIGITS)}`;
  const made = {
    name,
    jump: `jump ${name}`,
    lines: [...chains.map(({ name }) => `jump ${name}`), 'drop'],
    chains,
  };
  if (combinationsMade.size >= MAX_COMBINATIONS) combinationsMade.clear();
  combinationsMade.set(key, made);
  return made;
}

interface CombinationScope {
  family: Family;
  direction: Direction;
  port: PortIntent;
  groups: ReadonlyMap<SecurityGroupId, SecurityGroupIntent>;
  chains: Map<string, string[]>;
  combinations: Map<string, readonly string[]>;
  /** The port's groups. */
  key: string;
  /** To combinations, by groups: there are far fewer than ports. */
  jumps: Readonly<Record<Direction, Map<string, string>>>;
  /** Groups that let everything through. */
  open: Readonly<Record<Direction, ReadonlySet<SecurityGroupId>>>;
}

/** Ports with the same groups share one. Answers the verdict that leads there. */
function addCombination(scope: CombinationScope): string {
  const { direction, port, groups, combinations } = scope;
  const ids = port.groupIds.filter((id) => groups.has(id));
  const back = direction === 'ingress' ? 'egress' : 'ingress';
  const isOpenBack = ids.some((id) => scope.open[back].has(id));
  const { name, jump, lines, chains } = combinationOf(direction, ids, isOpenBack);
  scope.jumps[direction].set(scope.key, jump);
  if (combinations.has(name)) return jump;
  for (const { id, name: chain } of chains) {
    if (!scope.chains.has(chain)) addGroup(scope, chain, groups.get(id)!, isOpenBack);
  }
  combinations.set(name, lines);
  return jump;
}

function addGroup(
  { family, direction, chains }: CombinationScope,
  name: string,
  group: SecurityGroupIntent,
  isOpenBack: boolean,
): void {
  const rules = group[direction].flatMap((rule) =>
    renderGroupRule(rule, { family, direction, isOpenBack }),
  );
  chains.set(name, [...new Set(rules)]);
}

/** Only groups that some rule names have a set. */
function namedSets(chains: ReadonlyMap<string, readonly string[]>): Set<string> {
  const rules = [...chains.values()].flat();
  return new Set(rules.flatMap((rule) => [...rule.matchAll(/@(\S+)/g)].map((found) => found[1]!)));
}

function membersOf(
  names: ReadonlySet<string>,
  known: readonly VpcIntent[],
  family: Family,
): Map<string, Set<string>> {
  const members = new Map([...names].map((name) => [name, new Set<string>()]));
  /** Null: no rule names it. */
  const byGroup = new Map<SecurityGroupId, Set<string> | null>();
  for (const { ports } of known) {
    for (const port of ports) {
      for (const groupId of port.groupIds) {
        let set = byGroup.get(groupId);
        if (set === undefined) {
          set = members.get(memberSet(groupId)) ?? null;
          byGroup.set(groupId, set);
        }
        if (set !== null) for (const address of addressesOf(port, family)) set.add(address);
      }
    }
  }
  return members;
}
