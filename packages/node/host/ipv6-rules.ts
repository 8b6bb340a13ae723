// Owns the text of the nftables rules for IPv6 in a VPC's name space: what its router takes, what it passes on between
// subnets and to the VPC's ports on other nodes, and what each port may send. Nothing leaves the VPC by IPv6 or comes into it.
//
// Guests reach no other guest on the link, only the router: their neighbours, routers and servers are what this lets
// through to it. It takes no router advertisement and no redirect from anybody (`bridge-ipv6.ts`).

import { parseIpv6 } from '@ironbark/core/ipv6.ts';
import { aclChains } from './acl-rules.ts';
import { SENDERS } from './forward-priorities.ts';
import type { RuleSet } from './nftables.ts';
import type { SubnetRules } from './subnet-facts.ts';

/** As of the rules for IPv4. */
const FILTER_PRIORITY = -5;

/** The whole table of a place; none of it where no subnet has IPv6. */
export function ipv6RuleSet(table: string, subnets: readonly SubnetRules[]): RuleSet {
  return { id: 'cloud6', table: `ip6 ${table}`, text: renderTable(table, subnets) };
}

interface Subnet6 {
  bridge: string;
  cidr: string;
  gatewayIp: string;
  /** What leads to ports on other nodes. */
  overlay: string | undefined;
  acl: NonNullable<SubnetRules['acl']>;
}

function renderTable(table: string, all: readonly SubnetRules[]): string {
  const header = `add table ip6 ${table}\ndelete table ip6 ${table}\n`;
  const subnets = all.flatMap(({ bridge, ipv6, overlay, acl = [] }): Subnet6[] =>
    ipv6 === undefined ? [] : [{ bridge, ...ipv6, overlay, acl }],
  );
  if (subnets.length === 0) return header;
  const chains = [input, noRedirects, senders, forward].map((render) => render(subnets));
  return `${header}table ip6 ${table} {\n${[...chains, ...aclChains(subnets, 'ip6')].join('')}}\n`;
}

function chain(name: string, hook: string, policy: string, lines: readonly string[]): string {
  return `chain ${name} {\ntype filter hook ${hook}; policy ${policy};\n${lines.join('\n')}\n}\n`;
}

function bridges(subnets: readonly Subnet6[]): string {
  return named(subnets.map(({ bridge }) => bridge));
}

function named(interfaces: readonly string[]): string {
  return `{ ${interfaces.map((name) => `"${name}"`).join(', ')} }`;
}

/** Neighbours, leases, names and echoes; everything else of the router is IPv4's. */
function input(subnets: readonly Subnet6[]): string {
  const lines = [
    `iifname != ${bridges(subnets)} drop`,
    'icmpv6 type { nd-router-solicit, nd-neighbor-solicit, nd-neighbor-advert, echo-request } accept',
    'ct state established,related accept',
    'ip6 saddr fe80::/64 udp sport 546 udp dport 547 accept',
    ...subnets.map(
      ({ bridge, cidr, gatewayIp }) =>
        `iifname "${bridge}" ip6 saddr ${cidr} ip6 daddr ${gatewayIp} meta l4proto { tcp, udp } th dport 53 accept`,
    ),
  ];
  return chain('input', `input priority ${FILTER_PRIORITY}`, 'drop', lines);
}

/** Packets between guests of one bridge go back where they came from; nobody has to be told of a shorter way. */
function noRedirects(): string {
  const hook = `output priority ${FILTER_PRIORITY}`;
  return chain('redirects', hook, 'accept', ['icmpv6 type nd-redirect drop']);
}

/** A guest's address comes from its bridge or from another node, and nothing else comes from there. */
function senders(subnets: readonly Subnet6[]): string {
  const lines = subnets.flatMap(({ bridge, cidr, overlay }) => [
    `iifname != ${named([bridge, ...(overlay === undefined ? [] : [overlay])])} ip6 saddr ${cidr} drop`,
    `iifname "${bridge}" ip6 saddr != ${cidr} drop`,
  ]);
  return chain('senders', `forward priority ${SENDERS}`, 'accept', lines);
}

/** From other nodes to this one's guests, and no further. */
function forward(subnets: readonly Subnet6[]): string {
  const own = bridges(subnets);
  const overlays = new Set(subnets.flatMap(({ overlay }) => overlay ?? []));
  const lines = [
    `iifname ${own} oifname ${own} accept`,
    ...[...overlays].flatMap((overlay) => [
      `iifname "${overlay}" ip6 saddr != ${listed(subnets)} drop`,
      `iifname "${overlay}" oifname ${own} accept`,
      `iifname ${own} oifname "${overlay}" accept`,
    ]),
  ];
  return chain('forward', `forward priority ${FILTER_PRIORITY}`, 'drop', lines);
}

function listed(subnets: readonly Subnet6[]): string {
  return `{ ${subnets.map(({ cidr }) => cidr).join(', ')} }`;
}

/**
 * What a port with IPv6 addresses may send, from those and from the link-local address that follows from its MAC: each
 * other one would be an entry in the host's table of neighbours. Nobody but the router advertises routers, redirects or
 * answers DHCPv6.
 */
export function ipv6PortRules(addresses: readonly string[], linkLocal: string): string[] {
  if (addresses.length === 0) return [];
  const own = [...addresses, linkLocal];
  const asking =
    'nd-neighbor-solicit, nd-router-solicit, mld2-listener-report, mld-listener-report';
  return [
    'icmpv6 type { nd-router-advert, nd-redirect, mld-listener-query } drop',
    'udp sport 547 drop',
    // The address that it answers for is behind the header's first eight bytes.
    `icmpv6 type nd-neighbor-advert @th,64,128 != { ${own.map(hex).join(', ')} } drop`,
    `ip6 saddr { ${own.join(', ')} } accept`,
    // Before it has an address: whether somebody else has it, and where a router is.
    `ip6 saddr :: icmpv6 type { ${asking} } accept`,
  ].map((rule) => `ether type ip6 ${rule}`);
}

function hex(address: string): string {
  return `0x${parseIpv6(address)!.toString(16).padStart(32, '0')}`;
}
