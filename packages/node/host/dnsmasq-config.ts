// Owns what dnsmasq is told: its arguments, and the files of leases and names that it reads at its start.

import { maskOf, parseCidr, renderIpv4 } from '@ironbark/core/ipv4.ts';
import type { SubnetIntent } from '@ironbark/protocol/internal/instance-messages.ts';
import type { DhcpIntent, SubnetIpv6 } from '@ironbark/protocol/internal/network-messages.ts';
import { METADATA_ADDRESS } from './network-rules.ts';
import type { PortRecord } from './port-records.ts';

export interface DnsmasqPaths {
  pid: string;
  leases: string;
  options: string;
  names: string;
}

/** As in EC2. */
const LEASE_TIME = '1h';
/** A /16, AWS's largest VPC, has this many addresses. */
const MAX_LEASES = 65_536;
const DEFAULT_MTU = 1500;
const DNS_CACHE_ENTRIES = 1_000;

export interface AddressService {
  subnet: SubnetIntent;
  bridge: string;
  dhcp?: DhcpIntent;
  /** False: no names are answered. */
  hasDns: boolean;
  /** Where names that are not the cloud's are asked; absent: where the host asks. */
  resolvers?: string;
  /** Blocks whose every address has a name made of it, for guests on other nodes; none when absent. */
  namedBlocks?: readonly string[];
  /** With the address of each port that has one, by the interface's id; absent: neither leases nor a router of IPv6. */
  ipv6?: SubnetIpv6 & { leases: Readonly<Record<string, string>> };
}

/** dnsmasq changes its directory, so every path has to be absolute. */
export function renderArguments(
  service: AddressService,
  paths: DnsmasqPaths,
  user: string,
): string[] {
  const { subnet, bridge } = service;
  const cidr = parseCidr(subnet.cidr);
  if (cidr === undefined) throw new RangeError(`not a network: ${subnet.cidr}`);
  const range = [renderIpv4(cidr.base), 'static', renderIpv4(maskOf(cidr.prefix)), LEASE_TIME];
  return [
    '--keep-in-foreground',
    '--conf-file=/dev/null',
    `--pid-file=${paths.pid}`,
    `--user=${user}`,
    `--interface=${bridge}`,
    '--except-interface=lo',
    '--bind-interfaces',
    // Leases are what the cloud says; there is nothing to remember.
    '--leasefile-ro',
    '--dhcp-authoritative',
    `--dhcp-range=${range.join(',')}`,
    '--dhcp-ignore=tag:!known',
    `--dhcp-lease-max=${MAX_LEASES}`,
    `--dhcp-hostsfile=${paths.leases}`,
    `--dhcp-optsfile=${paths.options}`,
    `--dhcp-option=option:router,${subnet.gatewayIp}`,
    ...dhcpOptions(service),
    ...ipv6Arguments(service),
    '--quiet-dhcp',
    `--domain=${subnet.domain}`,
    `--local=/${subnet.domain}/`,
    '--domain-needed',
    '--bogus-priv',
    '--no-hosts',
    `--addn-hosts=${paths.names}`,
    ...(service.namedBlocks ?? []).map((cidr) => `--synth-domain=${subnet.domain},${cidr},ip-`),
    `--cache-size=${DNS_CACHE_ENTRIES}`,
    ...(service.hasDns ? [] : ['--port=0']),
    ...(service.resolvers === undefined ? [] : [`--resolv-file=${service.resolvers}`]),
  ];
}

/**
 * Addresses are by DHCPv6 alone, and no neighbour is on the link: guests send everything to the router, which says every
 * few minutes that it is there.
 */
function ipv6Arguments({ ipv6, dhcp, hasDns }: AddressService): string[] {
  if (ipv6 === undefined) return [];
  const [start, length] = ipv6.cidr.split('/');
  // Guests with name servers of their own are told of no other.
  const answersNames = hasDns && dhcp?.domainNameServers.includes('AmazonProvidedDNS') !== false;
  return [
    '--enable-ra',
    `--dhcp-range=${start},static,off-link,${length},${LEASE_TIME}`,
    `--dhcp-option=option6:dns-server${answersNames ? `,[${ipv6.gatewayIp}]` : ''}`,
  ];
}

/** `AmazonProvidedDNS` is the gateway, which answers where AWS has its own server at the network's second address. */
function dhcpOptions({ subnet, dhcp }: AddressService): string[] {
  const servers = dhcp?.domainNameServers ?? ['AmazonProvidedDNS'];
  const names = servers.map((one) => (one === 'AmazonProvidedDNS' ? subnet.gatewayIp : one));
  const clocks = dhcp?.ntpServers ?? [];
  const domain = dhcp?.domainName ?? subnet.domain;
  const { servers: netbios = [], nodeType } = dhcp?.netbios ?? {};
  return [
    ...(domain === subnet.domain ? [] : [`--dhcp-option=option:domain-name,${domain}`]),
    `--dhcp-option=option:dns-server${names.map((one) => `,${one}`).join('')}`,
    ...(clocks.length === 0 ? [] : [`--dhcp-option=option:ntp-server,${clocks.join(',')}`]),
    ...(netbios.length === 0 ? [] : [`--dhcp-option=option:netbios-ns,${netbios.join(',')}`]),
    ...(nodeType === undefined ? [] : [`--dhcp-option=option:netbios-nodetype,${nodeType}`]),
  ];
}

/** One line a port: MAC, a tag with its MTU, addresses, name. */
export function renderLeases(
  ports: readonly PortRecord[],
  ipv6: Readonly<Record<string, string>> = {},
): string {
  return ports
    .map((port) => {
      const name = firstLabel(port.hostname);
      const other = ipv6[port.interfaceId];
      const addresses = other === undefined ? port.privateIp : `${port.privateIp},[${other}]`;
      return `${port.macAddress},set:mtu${port.mtu},${addresses},${name}\n`;
    })
    .sort()
    .join('');
}

export function renderOptions(ports: readonly PortRecord[]): string {
  const sizes = new Set([DEFAULT_MTU, ...ports.map(({ mtu }) => mtu)]);
  return [...sizes]
    .sort((a, b) => a - b)
    .map((mtu) => `tag:mtu${mtu},option:mtu,${mtu}\n`)
    .join('');
}

/** Every name of the VPC, by which its guests find each other whatever their subnet. */
export function renderNames(ports: readonly PortRecord[], domains: readonly string[]): string {
  const metadata = domains.map((domain) => `${METADATA_ADDRESS} instance-data.${domain}`);
  const guests = ports.flatMap((port) => {
    const names = new Set([firstLabel(port.hostname), addressLabel(port.privateIp)]);
    return [...names].map((name) => `${port.privateIp} ${name}.${port.domain} ${name}`);
  });
  return [...metadata, ...guests]
    .sort()
    .map((line) => `${line}\n`)
    .join('');
}

/** `172.31.0.5` is `ip-172-31-0-5`, as EC2 names it. */
export function addressLabel(privateIp: string): string {
  return `ip-${privateIp.replaceAll('.', '-')}`;
}

/** Only what may stand in a host name reaches a file that has commas and spaces as its grammar. */
function firstLabel(hostname: string): string {
  const label = hostname.split('.')[0]!.toLowerCase();
  if (!/^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/.test(label)) {
    throw new RangeError(`not a host name: ${hostname}`);
  }
  return label;
}
