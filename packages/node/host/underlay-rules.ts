// Owns what a node takes from other nodes, in nftables: of a packet that carries a guest's, the node that it comes from
// and the guest's address have to belong together, for the VPC that it names. Looked at before it is unpacked.
//
// The fields of what is inside are named by their place, in bits from the UDP header on: 8 bytes of UDP, 8 of VXLAN with
// the network's number in the last but one three, 14 of Ethernet, then IPv4 or IPv6. nft has words for them only since 1.0.8.

import { parseCidr } from '@ironbark/core/ipv4.ts';
import { isIpv6Text, parseIpv6 } from '@ironbark/core/ipv6.ts';
import { hexOf, nodesAt, nodesOf, type Overlay, overlayMac, type Senders } from './overlay-plan.ts';

/** RFC 7348: the port that IANA gives to VXLAN. */
export const VXLAN_PORT = 4_789;
/** Bytes that a frame grows by: IPv4, UDP, VXLAN and its own Ethernet header. */
export const VXLAN_OVERHEAD = 50;
/** As the other rules on what reaches the host. */
const PRIORITY = -6;

const NETWORK = '@th,96,24';
const TO_MAC = '@th,128,48';
const FROM_MAC = '@th,176,48';
const ETHER_TYPE = '@th,224,16';
const SENDER_AT = 336;
const SENDER = `@th,${SENDER_AT},32`;
const SENDER6 = '@th,304,128';
const IPV4 = '0x0800';
const IPV6 = '0x86dd';

export interface UnderlayRules {
  /** Numbers of the networks that are this node's affair. */
  networks: readonly string[];
  /** Hardware address of this node's ends. */
  ownMacs: readonly string[];
  /** By number: who sends from elsewhere, and on which node. As elements they are only written where they are asked for. */
  remotes: ReadonlyMap<number, Senders>;
  remotes6: ReadonlyMap<number, Senders>;
  /** Elements, as those of the members. */
  nodes: ReadonlySet<string>;
  chain: readonly string[];
}

/** Of an overlay that stays as it is, nothing is read again. */
const NODES = new WeakMap<Overlay, ReadonlySet<string>>();

export function planUnderlayRules(overlays: readonly Overlay[]): UnderlayRules {
  const all = overlays.toSorted((a, b) => a.networkNumber - b.networkNumber);
  const nodes = new Set(all.flatMap((overlay) => [...nodeElements(overlay)]));
  const remotes = new Map(all.map((each) => [each.networkNumber, each.senders]));
  const remotes6 = new Map(all.map((each) => [each.networkNumber, each.remotes6]));
  const ownMacs = [...new Set(all.map(({ underlayAddress }) => macNumber(underlayAddress)))];
  const networks = all.map(({ networkNumber }) => `0x${networkNumber.toString(16)}`);
  const members = { remotes, remotes6 };
  return { networks, ownMacs, ...members, nodes, chain: tunnelChain(all, ownMacs) };
}

function nodeElements(overlay: Overlay): ReadonlySet<string> {
  const known = NODES.get(overlay);
  if (known !== undefined) return known;
  const elements = new Set([...nodesOf(overlay)].map((node) => `${node} . ${macNumber(node)}`));
  NODES.set(overlay, elements);
  return elements;
}

function memberElement(networkNumber: number, address: string, node: string): string {
  const digits = isIpv6Text(address) ? parseIpv6(address)!.toString(16) : hexOf(address);
  return `${node} . 0x${networkNumber.toString(16)} . ${number(digits)}`;
}

type AllSenders = ReadonlyMap<number, Senders>;

function membersOf(all: AllSenders): Set<string> {
  return new Set(
    [...all].flatMap(([networkNumber, all]) =>
      [...all.keys()].flatMap((address) =>
        nodesAt(all, address).map((node) => memberElement(networkNumber, address, node)),
      ),
    ),
  );
}

/** Those that one has and the other has not. */
function membersOnlyIn(one: AllSenders, other: AllSenders): string[] {
  const members: string[] = [];
  for (const [networkNumber, remotes] of one) {
    const others = other.get(networkNumber);
    if (remotes === others) continue;
    for (const [address, here] of remotes) {
      if (others?.get(address) === here) continue;
      const there = nodesAt(others, address);
      const only = nodesAt(remotes, address).filter((node) => !there.includes(node));
      members.push(...only.map((node) => memberElement(networkNumber, address, node)));
    }
  }
  return members;
}

function nodesOnlyIn(one: UnderlayRules, other: UnderlayRules): string[] {
  return [...one.nodes].filter((each) => !other.nodes.has(each));
}

function tunnelChain(overlays: readonly Overlay[], ownMacs: readonly string[]): string[] {
  return [
    `${TO_MAC} != { ${ownMacs.join(', ')} } drop`,
    `${ETHER_TYPE} != { ${IPV4}, ${IPV6} } drop`,
    `ip saddr . ${FROM_MAC} != @nodes drop`,
    ...(overlays.some(({ remotes6 }) => remotes6.size > 0)
      ? [`${ETHER_TYPE} ${IPV6} ip saddr . ${NETWORK} . ${SENDER6} @members6 accept`]
      : []),
    `${ETHER_TYPE} ${IPV6} drop`,
    `ip saddr . ${NETWORK} . ${SENDER} @members accept`,
    ...overlays.flatMap(routerRules),
    'drop',
  ];
}

/** From a node with a router of the VPC also what is from outside the VPC, and from no link-local address. */
function routerRules({ networkNumber, routers, cidrs }: Overlay): string[] {
  if (routers.size === 0) return [];
  const of = `${NETWORK} 0x${networkNumber.toString(16)}`;
  const inside = [...cidrs, '169.254.0.0/16', '0.0.0.0/8', '127.0.0.0/8'];
  return [
    ...inside.map((cidr) => `${of} ${senderIn(cidr)} drop`),
    `${of} ip saddr { ${[...routers].sort().join(', ')} } accept`,
  ];
}

function senderIn(cidr: string): string {
  const { base, prefix } = parseCidr(cidr)!;
  const digits = Math.floor(base / 2 ** (32 - prefix));
  return `@th,${SENDER_AT},${prefix} 0x${digits.toString(16)}`;
}

function macNumber(underlayAddress: string): string {
  return number(overlayMac(underlayAddress).replaceAll(':', ''));
}

/** As nft shows it. */
function number(digits: string): string {
  return `0x${BigInt(`0x${digits}`).toString(16)}`;
}

export function renderUnderlayRemoval(table: string): string {
  return `add table ip ${table}\ndelete table ip ${table}\n`;
}

/** Replaces the whole table in one transaction. */
export function renderUnderlayTable(table: string, rules: UnderlayRules): string {
  const remove = renderUnderlayRemoval(table);
  if (rules.networks.length === 0) return remove;
  const sets = [
    `set nodes {\ntypeof ip saddr . ${FROM_MAC};\n${elements(rules.nodes)}}\n`,
    `set members {\ntypeof ip saddr . ${NETWORK} . ${SENDER};\n${elements(membersOf(rules.remotes))}}\n`,
    `set members6 {\ntypeof ip saddr . ${NETWORK} . ${SENDER6};\n${elements(membersOf(rules.remotes6))}}\n`,
  ];
  const input = `chain input {\ntype filter hook input priority ${PRIORITY}; policy accept;\nudp dport ${VXLAN_PORT} ${NETWORK} { ${rules.networks.join(', ')} } jump tunnel\n}\n`;
  const tunnel = `chain tunnel {\n${rules.chain.join('\n')}\n}\n`;
  return `${remove}table ip ${table} {\n${sets.join('')}${tunnel}${input}}\n`;
}

function elements(all: ReadonlySet<string>): string {
  return all.size === 0 ? '' : `elements = { ${[...all].join(', ')} }\n`;
}

/** What turns the table that has `before` into one that has `after`; undefined where that is the whole table anew. */
export function renderUnderlayChange(
  table: string,
  before: UnderlayRules,
  after: UnderlayRules,
): { text: string; parts: string[] } | undefined {
  const frame = ({ networks, ownMacs, chain }: UnderlayRules) =>
    JSON.stringify([networks, ownMacs, chain]);
  if (frame(before) !== frame(after) || after.networks.length === 0) return undefined;
  const changes = [
    ['nodes', nodesOnlyIn(before, after), nodesOnlyIn(after, before)],
    ...(['remotes', 'remotes6'] as const).map((which) => {
      const [then, now] = [before[which], after[which]];
      const name = which === 'remotes' ? 'members' : 'members6';
      return [name, membersOnlyIn(then, now), membersOnlyIn(now, then)] as const;
    }),
  ] as const;
  const changed = changes.flatMap(([name, gone, come]) => {
    const line = (verb: string, all: readonly string[]) =>
      all.length === 0 ? '' : `${verb} element ip ${table} ${name} { ${all.join(', ')} }\n`;
    const text = line('delete', gone) + line('add', come);
    return text === '' ? [] : [{ part: `set ${name}`, text }];
  });
  return {
    text: changed.map(({ text }) => text).join(''),
    parts: changed.map(({ part }) => part),
  };
}

/** As `RuleSet.repair`: the elements are compared. */
export function repairUnderlayPart(
  rules: UnderlayRules,
  part: string,
  listed: string | undefined,
): string | undefined {
  const wanted = new Map([
    ['set nodes', () => rules.nodes],
    ['set members', () => membersOf(rules.remotes)],
    ['set members6', () => membersOf(rules.remotes6)],
  ]).get(part);
  if (wanted === undefined || listed === undefined) return undefined;
  const [, text = ''] = /elements = \{([^}]*)\}/.exec(listed) ?? [];
  const found = text
    .split(',')
    .map((one) => one.trim().replace(/\s+/g, ' '))
    .filter((one) => one !== '');
  const elements = wanted();
  const isSame = found.length === elements.size && found.every((one) => elements.has(one));
  return isSame ? '' : undefined;
}
