// Owns the text of the nftables rules: one `ip` table for a cloud, and one `netdev` chain for each port.
//
// The `ip` table translates and protects the host. An accept in it does not overrule a drop in another table, so
// a host whose own policy drops forwarded packets has to allow the bridges itself; `doctor` says so.
// A port's chain sees every frame that the guest sends before the bridge does: whatever is not from the port's
// own MAC and IP addresses, or not ARP, IPv4 or, where the port has such addresses, IPv6, never reaches anybody.

import { linkLocalOf } from '@ironbark/core/ipv6.ts';
import { GUEST_NBD_PORT } from '@ironbark/protocol/internal/guest-targets.ts';
import { aclChains } from './acl-rules.ts';
import { SENDERS, WAYS } from './forward-priorities.ts';
import { normalCidr } from './group-match.ts';
import { ipv6PortRules } from './ipv6-rules.ts';
import type { NetworkNames } from './network-names.ts';
import type { RuleSet } from './nftables.ts';
import { betweenPeers, peerLinksOf } from './peer-rules.ts';
import { spaceForward, spacePostrouting } from './space-rules.ts';
import type { SubnetRules } from './subnet-facts.ts';
import { VXLAN_PORT } from './underlay-rules.ts';

export interface CloudRules {
  table: string;
  subnets: readonly SubnetRules[];
  /** Where the metadata service listens on this host. */
  metadataPort: number;
  /** TCP ports of the host that guests may reach besides, such as the cloud's own API. */
  hostPorts: readonly number[];
  /** Ports with a public address. */
  publicIps?: readonly { privateIp: string; publicIp: string }[];
  /** The ends on the host of what leads out of VPCs with name spaces of their own. */
  uplinks?: readonly string[];
  /** In such a name space: the interface that leads out of it. */
  wayOut?: string;
  /** A pattern of the cloud's ways to peers: over those that no subnet has, nothing goes. */
  anyPeerLink?: string;
}

export interface PortRules {
  table: string;
  tap: string;
  macAddress: string;
  privateIps: readonly string[];
  ipv6Addresses?: readonly string[];
  /** Networks of its VPC, for a port that routes: it may send with any address outside them. Absent: only its own. */
  routesOutside?: readonly string[];
  /** The host's address on the bridge, where the guest's frames of AoE go; absent: it may send none. */
  storageMac?: string;
}

/** AWS's address of the metadata service. */
export const METADATA_ADDRESS = '169.254.169.254';
/** A little before the usual filters, so that a guest is stopped whatever comes later. */
const FILTER_PRIORITY = -5;
const INGRESS_PRIORITY = -500;

export function cloudRuleSet(rules: CloudRules): RuleSet {
  return { id: 'cloud', table: `ip ${rules.table}`, text: renderCloudRules(rules) };
}

/** Replaces the cloud's whole table in one transaction. */
function renderCloudRules(rules: CloudRules): string {
  const header = `add table ip ${rules.table}\ndelete table ip ${rules.table}\n`;
  const { subnets, uplinks = [], wayOut } = rules;
  if (subnets.length + uplinks.length === 0 && wayOut === undefined) return header;
  const acls = subnets.flatMap(({ bridge, cidr, acl }) =>
    acl === undefined ? [] : [{ bridge, cidr, acl }],
  );
  const chains = [prerouting, publicOutput, postrouting, input, noRedirects, senders, forward];
  const texts = [...chains.map((render) => render(rules)), ...aclChains(acls)];
  return `${header}table ip ${rules.table} {\n${texts.join('')}}\n`;
}

export function renderCloudRulesRemoval(names: NetworkNames): string {
  const { table, groupTable, underlayTable, flowTable } = names;
  return [
    `ip ${table}`,
    `ip ${groupTable}`,
    `ip6 ${table}`,
    `ip6 ${groupTable}`,
    `ip ${underlayTable}`,
    `ip ${flowTable}`,
    `netdev ${table}`,
  ]
    .map((one) => `add table ${one}\ndelete table ${one}\n`)
    .join('');
}

function chain(name: string, hook: string, lines: readonly string[]): string {
  return `chain ${name} {\ntype ${hook}; policy accept;\n${lines.join('\n')}\n}\n`;
}

function bridges(rules: CloudRules, ...more: string[]): string {
  const { subnets, uplinks = [] } = rules;
  return named([
    ...more,
    ...subnets.map(({ bridge }) => bridge),
    ...overlaysOf(subnets),
    ...peerLinksOf(subnets),
    ...uplinks,
  ]);
}

function named(interfaces: readonly string[]): string {
  return `{ ${interfaces.map((name) => `"${name}"`).join(', ')} }`;
}

function overlaysOf(subnets: readonly SubnetRules[]): string[] {
  return [...new Set(subnets.flatMap(({ overlay }) => overlay ?? []))];
}

function publicMap({ publicIps = [] }: CloudRules): string[] {
  const pairs = publicIps.map(({ publicIp, privateIp }) => `${publicIp} : ${privateIp}`);
  return pairs.length === 0 ? [] : [`dnat to ip daddr map { ${pairs.join(', ')} }`];
}

function prerouting(rules: CloudRules): string {
  const lines = rules.subnets.map(
    ({ bridge, gatewayIp }) =>
      `iifname "${bridge}" ip daddr ${METADATA_ADDRESS} tcp dport 80 dnat to ${gatewayIp}:${rules.metadataPort}`,
  );
  return chain('prerouting', 'nat hook prerouting priority -100', [...lines, ...publicMap(rules)]);
}

/** The host itself reaches guests by their public addresses, too. */
function publicOutput(rules: CloudRules): string {
  return chain('output', 'nat hook output priority -100', publicMap(rules));
}

function postrouting(rules: CloudRules): string {
  const { wayOut, publicIps = [], subnets, uplinks = [] } = rules;
  const hook = 'nat hook postrouting priority 100';
  if (wayOut !== undefined) {
    return chain('postrouting', hook, spacePostrouting({ subnets, publicIps, wayOut }));
  }
  const ours = bridges(rules);
  const outOf = [
    ...subnets.map(
      ({ cidr, vpcCidr }) => `ip saddr ${normalCidr(cidr)} ip daddr != ${normalCidr(vpcCidr)}`,
    ),
    ...uplinks.map((name) => `iifname "${name}"`),
  ];
  const lines = outOf.map((from) => `${from} oifname != ${ours} masquerade`);
  return chain('postrouting', hook, lines);
}

function input(rules: CloudRules): string {
  const { wayOut } = rules;
  const lines = [
    // From other nodes and from peers come packets for guests, and none for this node.
    ...[...overlaysOf(rules.subnets), ...peersOf(rules)].map((name) => `iifname "${name}" drop`),
    `iifname != ${bridges(rules, 'lo')} tcp dport ${rules.metadataPort} drop`,
    ...gatewayInput(rules),
    // Nothing that comes in by the way out is for the name space itself, but answers.
    `iifname != ${bridges(rules, ...(wayOut === undefined ? [] : [wayOut]))} accept`,
    'ct state established,related accept',
    'ip saddr 0.0.0.0 ip daddr 255.255.255.255 udp sport 68 udp dport 67 accept',
    ...rules.subnets.flatMap((subnet) => subnetInput(subnet, rules)),
    ...(rules.uplinks ?? []).flatMap((uplink) => uplinkInput(uplink, rules)),
    'reject',
  ];
  return chain('input', `filter hook input priority ${FILTER_PRIORITY}`, lines);
}

function peersOf({ subnets, anyPeerLink }: CloudRules): string[] {
  return anyPeerLink === undefined ? peerLinksOf(subnets) : [anyPeerLink];
}

/** A socket that is bound to the gateway's address also takes what comes in elsewhere. */
function gatewayInput(rules: CloudRules): string[] {
  if (rules.subnets.length === 0) return [];
  const gateways = rules.subnets.map(({ gatewayIp }) => gatewayIp).join(', ');
  const ports = `{ 53, 67, ${GUEST_NBD_PORT} }`;
  return [
    `iifname != ${bridges(rules, 'lo')} ip daddr { ${gateways} } meta l4proto { tcp, udp } th dport ${ports} drop`,
  ];
}

/** Guests of VPCs with a name space of their own reach of the host what others do. */
function uplinkInput(uplink: string, { hostPorts }: CloudRules): string[] {
  const from = `iifname "${uplink}"`;
  const ports = hostPorts.length === 0 ? [] : [`${from} ${tcpTo(hostPorts)} accept`];
  return [`${from} icmp type echo-request accept`, ...ports];
}

/** Packets between guests of one bridge go back where they came from; nobody has to be told of a shorter way. */
function noRedirects(rules: CloudRules): string {
  const isEmpty = rules.subnets.length === 0;
  const lines = isEmpty ? [] : [`oifname ${bridges(rules)} icmp type redirect drop`];
  return chain('redirects', `filter hook output priority ${FILTER_PRIORITY}`, lines);
}

function subnetInput(subnet: SubnetRules, rules: CloudRules): string[] {
  const { bridge, cidr, gatewayIp, nbdGuests = [] } = subnet;
  const from = `iifname "${bridge}" ip saddr ${normalCidr(cidr)}`;
  const ports = rules.hostPorts.length === 0 ? [] : [`${from} ${tcpTo(rules.hostPorts)} accept`];
  return [
    `${from} icmp type echo-request accept`,
    `${from} ip daddr { ${gatewayIp}, 255.255.255.255 } udp dport 67 accept`,
    `${from} ip daddr ${gatewayIp} udp dport 53 accept`,
    `${from} ip daddr ${gatewayIp} tcp dport 53 accept`,
    `${from} ip daddr ${gatewayIp} tcp dport ${rules.metadataPort} ct status dnat accept`,
    // Here and not at the guest's port: there a packet may still be in pieces that do not name a port.
    ...nbdGuests.map(
      (address) =>
        `iifname "${bridge}" ip saddr ${address} ip daddr ${gatewayIp} ${tcpTo([GUEST_NBD_PORT])} accept`,
    ),
    ...ports,
  ];
}

function tcpTo(ports: readonly number[]): string {
  return `tcp dport { ${ports.join(', ')} }`;
}

/** Link-local addresses of the host's own surroundings, such as another cloud's metadata, are not the guest's. */
function forward(rules: CloudRules): string {
  const { wayOut, subnets, publicIps = [] } = rules;
  if (subnets.length === 0 && wayOut !== undefined) return '';
  const ours = bridges(rules);
  const lines = [
    `iifname ${ours} ip daddr 169.254.0.0/16 drop`,
    // What looks as if this node had packed it, to another node.
    ...(wayOut === undefined
      ? [`iifname ${ours} oifname != ${ours} udp dport ${VXLAN_PORT} drop`]
      : []),
    ...fromOtherNodes(rules),
    ...betweenPeers(subnets, rules.anyPeerLink),
    ...(wayOut === undefined ? [] : spaceForward({ subnets, publicIps, wayOut })),
    ...subnets.flatMap((subnet) => betweenSubnets(subnet, rules)),
    ...betweenVpcs(rules),
    ...(wayOut === undefined ? subnets.flatMap((subnet) => outOfSubnet(subnet, rules)) : []),
    `iifname ${ours} accept`,
    `oifname ${ours} accept`,
  ];
  return chain('forward', `filter hook forward priority ${WAYS}`, lines);
}

/**
 * A guest's address comes from its bridge alone, whatever the world claims to send from; and what leaves the bridges of
 * the host, from a port that routes for others too, has an address of its own subnet.
 */
function senders({ subnets, wayOut }: CloudRules): string {
  if (subnets.length === 0) return '';
  const bridged = named([...subnets.map(({ bridge }) => bridge), ...overlaysOf(subnets)]);
  const lines = subnets.flatMap(({ bridge, cidr, overlay }) => [
    `iifname != ${overlay === undefined ? `"${bridge}"` : named([bridge, overlay])} ip saddr ${normalCidr(cidr)} drop`,
    ...(wayOut === undefined
      ? [`iifname "${bridge}" oifname != ${bridged} ip saddr != ${normalCidr(cidr)} drop`]
      : []),
  ]);
  return chain('senders', `filter hook forward priority ${SENDERS}`, lines);
}

/** To the VPC's own guests on this node, and no further: not out, not to another VPC, and not back. */
function fromOtherNodes({ subnets }: CloudRules): string[] {
  return overlaysOf(subnets).map((overlay) => {
    const own = subnets.filter((subnet) => subnet.overlay === overlay);
    return `iifname "${overlay}" oifname != ${named(own.map(({ bridge }) => bridge))} drop`;
  });
}

/** A VPC belongs to an account: guests of one do not reach those of another through the host. */
function betweenSubnets({ bridge, vpcId, overlay }: SubnetRules, rules: CloudRules): string[] {
  const others = rules.subnets.filter(
    (other) => other.bridge !== bridge && (vpcId === undefined || other.vpcId !== vpcId),
  );
  if (others.length === 0) return [];
  const names = [...others.map((other) => other.bridge), ...overlaysOf(others)];
  const foreign = names.filter((name) => name !== overlay);
  return [`iifname "${bridge}" oifname ${named(foreign)} drop`];
}

/** Guests without a way out reach nothing beyond the cloud's own networks; answers to who reached them go. */
function outOfSubnet({ bridge, leaving = 'all' }: SubnetRules, rules: CloudRules): string[] {
  if (leaving === 'all') return [];
  const publics = rules.publicIps?.map(({ privateIp }) => privateIp) ?? [];
  const others =
    leaving === 'public' && publics.length > 0 ? ` ip saddr != { ${publics.join(', ')} }` : '';
  return [`iifname "${bridge}" oifname != ${bridges(rules)}${others} ct direction original drop`];
}

/** Into a VPC with a name space of its own only by a public address, whoever asks. */
function betweenVpcs({ subnets, uplinks = [] }: CloudRules): string[] {
  if (uplinks.length === 0 || subnets.length === 0) return [];
  const inside = [...subnets.map(({ bridge }) => bridge), ...overlaysOf(subnets)];
  return [
    `iifname ${named(uplinks)} oifname ${named(inside)} ct state new ct status and dnat == 0 drop`,
  ];
}

function portChain(tap: string): string {
  return `from_${tap}`;
}

export function portRuleSet(rules: PortRules): RuleSet {
  return { ...portRuleSetName(rules), text: renderPortRules(rules) };
}

export function portRuleSetName({ table, tap }: Pick<PortRules, 'table' | 'tap'>) {
  return { id: tap, table: `netdev ${table}`, chain: portChain(tap) };
}

/**
 * Whatever it was sent to, it reaches the host and no other guest: one guest could otherwise answer for another's disk.
 */
function storageRules(mac: string | undefined): string[] {
  return mac === undefined ? [] : [`ether type 0x88a2 ether daddr set ${mac} accept`];
}

/** Never with another guest's address, and never to the metadata service, which knows guests by theirs. */
function routerRules(networks: readonly string[]): string[] {
  if (networks.length === 0) return [];
  const inside = `{ ${[...networks.map(normalCidr), '0.0.0.0', '169.254.0.0/16'].join(', ')} }`;
  return [`ether type ip ip saddr != ${inside} ip daddr != 169.254.0.0/16 accept`];
}

/** Replaces one port's chain. Adding before deleting makes it work whether the chain exists or not. */
function renderPortRules(port: PortRules): string {
  const { table, tap, macAddress, privateIps, storageMac, routesOutside = [] } = port;
  const { ipv6Addresses = [] } = port;
  const name = `netdev ${table} ${portChain(tap)}`;
  const hook = `type filter hook ingress device "${tap}" priority ${INGRESS_PRIORITY}; policy drop;`;
  const own = `{ ${privateIps.join(', ')} }`;
  const rules = [
    `ether saddr != ${macAddress} drop`,
    // A sender address of 0.0.0.0 asks whether an address is in use, before it is taken.
    `ether type arp arp htype 1 arp ptype ip arp saddr ether ${macAddress} arp saddr ip { ${[...privateIps, '0.0.0.0'].join(', ')} } accept`,
    `ether type ip udp sport 67 drop`,
    `ether type ip ip saddr ${own} accept`,
    'ether type ip ip saddr 0.0.0.0 ip daddr 255.255.255.255 udp sport 68 udp dport 67 accept',
    ...routerRules(routesOutside),
    ...ipv6PortRules(ipv6Addresses, linkLocalOf(macAddress)),
    ...storageRules(storageMac),
  ];
  return [
    renderPortRulesRemoval(table, tap),
    `add chain ${name} { ${hook} }\n`,
    ...rules.map((rule) => `add rule ${name} ${rule}\n`),
  ].join('');
}

export function renderPortRulesRemoval(table: string, tap: string): string {
  const name = `netdev ${table} ${portChain(tap)}`;
  return `add table netdev ${table}\nadd chain ${name}\ndelete chain ${name}\n`;
}
