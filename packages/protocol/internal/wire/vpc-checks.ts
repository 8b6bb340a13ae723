// Owns what a node accepts as a VPC: its texts end up in rules of the kernel and files of dnsmasq.

import type {
  AclEntryIntent,
  DhcpIntent,
  GroupRuleIntent,
  NodeLocation,
  PortIntent,
  RouteIntent,
  RouteTarget,
  SecurityGroupIntent,
  SubnetIpv6,
  SubnetNetworkIntent,
  VpcIntent,
} from '../network-messages.ts';
import type { VpcChange, VpcFrame, VpcVersion } from '../vpc-changes.ts';
import {
  type Check,
  either,
  flag,
  guestAddress6,
  guestNetwork,
  guestNetwork6,
  hostAddress,
  id,
  integer,
  list,
  network,
  network6,
  object,
  oneOf,
  pattern,
  refuse,
} from './checks.ts';
import { DOMAIN, MAC_ADDRESS } from './instance-checks.ts';

export const MAX_VPCS = 4_096;
/** Five blocks, each a /16 at most, hold 65,536 addresses each. */
const MAX_PORTS = 5 * 65_536;
const MAX_SUBNETS = 1_024;
const MAX_GROUPS = 16_384;
/** EC2's largest quotas: 1,000 rules of a group, 1,000 routes of a table, 40 entries of a list each way, 5 blocks. */
const MAX_RULES = 1_000;
const MAX_ROUTES = 1_024;
const MAX_ENTRIES = 256;
const MAX_BLOCKS = 64;
const MAX_GROUPS_OF_PORT = 64;
const MAX_ADDRESSES = 256;
const MAX_SERVERS = 16;
/** More nodes than this have no place for the guests of one VPC of that size. */
const MAX_LOCATIONS = 4_096;
/** VXLAN has 24 bits, and 0 is nobody's. */
const MAX_NETWORK_NUMBER = 2 ** 24 - 1;
/** "Amazon VPC quotas": active peerings of a VPC, the most that AWS raises it to. */
const MAX_PEERS = 125;

/** The VPC, and each of its subnets and ports. */
const MAX_LOGGED = 1 + MAX_SUBNETS + MAX_PORTS;

const node = pattern<`node-${string}`>(/^node-[a-z0-9][a-z0-9-]{0,62}$/);
const kindOnly = (kind: 'local' | 'blackhole') =>
  object<{ kind: typeof kind }>({ kind: oneOf(kind) });

const TARGETS: Readonly<Record<RouteTarget['kind'], Check<RouteTarget>>> = {
  local: kindOnly('local') as Check<RouteTarget>,
  blackhole: kindOnly('blackhole') as Check<RouteTarget>,
  internet: object<Extract<RouteTarget, { kind: 'internet' }>>({
    kind: oneOf('internet'),
    masquerades: { optional: flag },
  }) as Check<RouteTarget>,
  nat: object({ kind: oneOf('nat'), publicIp: hostAddress }) as Check<RouteTarget>,
  interface: object({ kind: oneOf('interface'), interfaceId: id('eni') }) as Check<RouteTarget>,
  peering: object({ kind: oneOf('peering'), vpcId: id('vpc') }) as Check<RouteTarget>,
};

const target: Check<RouteTarget> = (value, path) => {
  const kinds = Object.keys(TARGETS) as RouteTarget['kind'][];
  const given =
    typeof value === 'object' && value !== null ? Reflect.get(value, 'kind') : undefined;
  return TARGETS[oneOf(...kinds)(given, `${path}.kind`)](value, path);
};

const protocol = integer(-1, 255);
/** For ICMP these are a type and a code, and -1 is all of them. */
const ports = object<{ from: number; to: number }>({
  from: integer(-1, 65_535),
  to: integer(-1, 65_535),
});

const aclEntry = object<AclEntryIntent>({
  ruleNumber: integer(1, 32_767),
  isEgress: flag,
  isAllowed: flag,
  protocol,
  cidr: either(network, network6),
  ports: { optional: ports },
});

const subnet = object<SubnetNetworkIntent>({
  id: id('subnet'),
  cidr: guestNetwork,
  gatewayIp: hostAddress,
  ipv6: {
    optional: object<SubnetIpv6>({ cidr: guestNetwork6, gatewayIp: guestAddress6 }),
  },
  routes: list(object<RouteIntent>({ destination: network, target }), MAX_ROUTES),
  acl: list(aclEntry, MAX_ENTRIES),
});

const groupRule = object<GroupRuleIntent>({
  protocol,
  ports: { optional: ports },
  peer: either(
    object<Extract<GroupRuleIntent['peer'], { kind: 'cidr' }>>({
      kind: oneOf('cidr'),
      cidr: either(network, network6),
    }),
    object<Extract<GroupRuleIntent['peer'], { kind: 'group' }>>({
      kind: oneOf('group'),
      groupId: id('sg'),
    }),
  ),
});

const group = object<SecurityGroupIntent>({
  id: id('sg'),
  ingress: list(groupRule, MAX_RULES),
  egress: list(groupRule, MAX_RULES),
});

const absent: Check<undefined> = (value, path) => {
  if (value === undefined) return undefined;
  throw refuse(path, 'a node, or absent');
};

const port = object<PortIntent>({
  interfaceId: id('eni'),
  subnetId: id('subnet'),
  nodeId: either(node, absent),
  macAddress: MAC_ADDRESS,
  privateIps: list(hostAddress, MAX_ADDRESSES),
  ipv6Addresses: { optional: list(guestAddress6, MAX_ADDRESSES) },
  publicIps: list(object({ privateIp: hostAddress, publicIp: hostAddress }), MAX_ADDRESSES),
  groupIds: list(id('sg'), MAX_GROUPS_OF_PORT),
  checksSource: flag,
});

/** Up to four, as a guest's resolver searches them. */
const DOMAINS: Check<string> = (value, path) => {
  const domains = typeof value === 'string' ? value.split(' ') : [];
  if (domains.length > MAX_SERVERS) throw refuse(path, `up to ${MAX_SERVERS} domains`);
  for (const domain of domains) DOMAIN(domain, path);
  if (domains.length > 0) return value as string;
  throw refuse(path, 'domains');
};

const dhcp = object<DhcpIntent>({
  domainName: DOMAINS,
  domainNameServers: list(either(oneOf('AmazonProvidedDNS'), hostAddress), MAX_SERVERS),
  ntpServers: list(hostAddress, MAX_SERVERS),
  netbios: {
    optional: object<NonNullable<DhcpIntent['netbios']>>({
      servers: list(hostAddress, MAX_SERVERS),
      nodeType: { optional: integer(1, 8) },
    }),
  },
});

const FRAME = {
  id: id('vpc'),
  networkNumber: integer(1, MAX_NETWORK_NUMBER),
  cidrs: list(guestNetwork, MAX_BLOCKS),
  ipv6Cidrs: { optional: list(guestNetwork6, MAX_BLOCKS) },
  hasDns: flag,
  dhcp,
  nameDomain: { optional: DOMAIN },
  subnets: list(subnet, MAX_SUBNETS),
  groups: list(group, MAX_GROUPS),
  locations: {
    optional: list(
      object<NodeLocation>({ nodeId: node, underlayAddress: hostAddress }),
      MAX_LOCATIONS,
    ),
  },
  peers: { optional: list(id('vpc'), MAX_PEERS) },
  logged: { optional: list(either(id('vpc'), either(id('subnet'), id('eni'))), MAX_LOGGED) },
};

export const vpcCheck: Check<VpcIntent> = object<VpcIntent>({
  ...FRAME,
  ports: list(port, MAX_PORTS),
});

const generation = integer(0, Number.MAX_SAFE_INTEGER);

export const vpcVersionCheck: Check<VpcVersion> = object<VpcVersion>({ id: id('vpc'), generation });

export const vpcChangeCheck: Check<VpcChange> = object<VpcChange>({
  since: generation,
  generation,
  frame: object<VpcFrame>(FRAME),
  ports: list(port, MAX_PORTS),
  gone: list(id('eni'), MAX_PORTS),
});
