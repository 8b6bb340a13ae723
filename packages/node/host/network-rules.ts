// Owns the text of the nftables rules: one `ip` table for a cloud, and one `netdev` chain for each port.
//
// The `ip` table translates and protects the host. An accept in it does not overrule a drop in another table, so
// a host whose own policy drops forwarded packets has to allow the bridges itself; `doctor` says so.
// A port's chain sees every frame that the guest sends before the bridge does: whatever is not from the port's
// own MAC and IP address, or not ARP or IPv4, never reaches anybody.

import { parseCidr, renderCidr } from '@ironbark/core/ipv4.ts';
import type { RuleSet } from './nftables.ts';

export interface SubnetRules {
  bridge: string;
  cidr: string;
  gatewayIp: string;
  vpcCidr: string;
}

export interface CloudRules {
  table: string;
  subnets: readonly SubnetRules[];
  /** Where the metadata service listens on this host. */
  metadataPort: number;
  /** TCP ports of the host that guests may reach besides, such as the cloud's own API. */
  hostPorts: readonly number[];
}

export interface PortRules {
  table: string;
  tap: string;
  macAddress: string;
  privateIp: string;
  /** The host's address on the bridge, where the guest's frames of AoE go; absent: it may send none. */
  storageMac?: string;
}

/** AWS's address of the metadata service. */
export const METADATA_ADDRESS = '169.254.169.254';
/** A little before the usual filters, so that a guest is stopped whatever comes later. */
const FILTER_PRIORITY = -5;
const INGRESS_PRIORITY = -500;

export function cloudRuleSet(rules: CloudRules): RuleSet {
  const chains =
    rules.subnets.length === 0 ? [] : ['prerouting', 'postrouting', 'input', 'forward'];
  return {
    id: 'cloud',
    chains: chains.map((name) => `ip ${rules.table} ${name}`),
    text: renderCloudRules(rules),
  };
}

/** Replaces the cloud's whole table in one transaction. */
function renderCloudRules(rules: CloudRules): string {
  const header = `add table ip ${rules.table}\ndelete table ip ${rules.table}\n`;
  if (rules.subnets.length === 0) return header;
  const chains = [prerouting(rules), postrouting(rules), input(rules), forward(rules)];
  return `${header}table ip ${rules.table} {\n${chains.join('')}}\n`;
}

export function renderCloudRulesRemoval(table: string): string {
  return ['ip', 'netdev']
    .map((family) => `add table ${family} ${table}\ndelete table ${family} ${table}\n`)
    .join('');
}

function chain(name: string, hook: string, lines: readonly string[]): string {
  return `chain ${name} {\ntype ${hook}; policy accept;\n${lines.join('\n')}\n}\n`;
}

function bridges(rules: CloudRules, ...more: string[]): string {
  return `{ ${[...more, ...rules.subnets.map(({ bridge }) => bridge)].map((n) => `"${n}"`).join(', ')} }`;
}

function gateways(rules: CloudRules): string {
  return `{ ${rules.subnets.map(({ gatewayIp }) => gatewayIp).join(', ')} }`;
}

function prerouting(rules: CloudRules): string {
  const lines = rules.subnets.map(
    ({ bridge, gatewayIp }) =>
      `iifname "${bridge}" ip daddr ${METADATA_ADDRESS} tcp dport 80 dnat to ${gatewayIp}:${rules.metadataPort}`,
  );
  return chain('prerouting', 'nat hook prerouting priority -100', lines);
}

function postrouting(rules: CloudRules): string {
  const ours = bridges(rules);
  const lines = rules.subnets.map(
    ({ cidr, vpcCidr }) =>
      `ip saddr ${normal(cidr)} ip daddr != ${normal(vpcCidr)} oifname != ${ours} masquerade`,
  );
  return chain('postrouting', 'nat hook postrouting priority 100', lines);
}

function input(rules: CloudRules): string {
  const lines = [
    `iifname != ${bridges(rules, 'lo')} tcp dport ${rules.metadataPort} drop`,
    // A socket that is bound to the gateway's address also takes what comes in elsewhere.
    `iifname != ${bridges(rules, 'lo')} ip daddr ${gateways(rules)} meta l4proto { tcp, udp } th dport { 53, 67 } drop`,
    `iifname != ${bridges(rules)} accept`,
    'ct state established,related accept',
    'ip saddr 0.0.0.0 ip daddr 255.255.255.255 udp sport 68 udp dport 67 accept',
    ...rules.subnets.flatMap((subnet) => subnetInput(subnet, rules)),
    'reject',
  ];
  return chain('input', `filter hook input priority ${FILTER_PRIORITY}`, lines);
}

function subnetInput({ bridge, cidr, gatewayIp }: SubnetRules, rules: CloudRules): string[] {
  const from = `iifname "${bridge}" ip saddr ${normal(cidr)}`;
  const ports = rules.hostPorts.length === 0 ? [] : [`${from} ${tcpTo(rules.hostPorts)} accept`];
  return [
    `${from} icmp type echo-request accept`,
    `${from} ip daddr { ${gatewayIp}, 255.255.255.255 } udp dport 67 accept`,
    `${from} ip daddr ${gatewayIp} udp dport 53 accept`,
    `${from} ip daddr ${gatewayIp} tcp dport 53 accept`,
    `${from} ip daddr ${gatewayIp} tcp dport ${rules.metadataPort} ct status dnat accept`,
    ...ports,
  ];
}

function tcpTo(ports: readonly number[]): string {
  return `tcp dport { ${ports.join(', ')} }`;
}

/** Link-local addresses of the host's own surroundings, such as another cloud's metadata, are not the guest's. */
function forward(rules: CloudRules): string {
  const ours = bridges(rules);
  const lines = [
    `iifname ${ours} ip daddr 169.254.0.0/16 drop`,
    ...rules.subnets.flatMap((subnet) => betweenSubnets(subnet, rules)),
    `iifname ${ours} accept`,
    `oifname ${ours} accept`,
  ];
  return chain('forward', `filter hook forward priority ${FILTER_PRIORITY}`, lines);
}

/** A subnet belongs to an account: guests of one do not reach those of another through the host. */
function betweenSubnets({ bridge }: SubnetRules, rules: CloudRules): string[] {
  const others = rules.subnets.filter((other) => other.bridge !== bridge);
  if (others.length === 0) return [];
  return [`iifname "${bridge}" oifname ${bridges({ ...rules, subnets: others })} drop`];
}

function normal(cidr: string): string {
  const parsed = parseCidr(cidr);
  if (parsed === undefined) throw new RangeError(`not a network: ${cidr}`);
  return renderCidr(parsed);
}

function portChain(tap: string): string {
  return `from_${tap}`;
}

export function portRuleSet(rules: PortRules): RuleSet {
  const chains = [`netdev ${rules.table} ${portChain(rules.tap)}`];
  return { id: rules.tap, chains, text: renderPortRules(rules) };
}

/**
 * Whatever it was sent to, it reaches the host and no other guest: one guest could otherwise answer for another's disk.
 */
function storageRules(mac: string | undefined): string[] {
  return mac === undefined ? [] : [`ether type 0x88a2 ether daddr set ${mac} accept`];
}

/** Replaces one port's chain. Adding before deleting makes it work whether the chain exists or not. */
function renderPortRules({ table, tap, macAddress, privateIp, storageMac }: PortRules): string {
  const name = `netdev ${table} ${portChain(tap)}`;
  const hook = `type filter hook ingress device "${tap}" priority ${INGRESS_PRIORITY}; policy drop;`;
  const rules = [
    `ether saddr != ${macAddress} drop`,
    // A sender address of 0.0.0.0 asks whether an address is in use, before it is taken.
    `ether type arp arp htype 1 arp ptype ip arp saddr ether ${macAddress} arp saddr ip { ${privateIp}, 0.0.0.0 } accept`,
    `ether type ip ip saddr ${privateIp} udp sport 67 drop`,
    `ether type ip ip saddr ${privateIp} accept`,
    'ether type ip ip saddr 0.0.0.0 ip daddr 255.255.255.255 udp sport 68 udp dport 67 accept',
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
