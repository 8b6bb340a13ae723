// Owns how ids in requests are read: the grammar is checked here, existence where the rows are.

import type { ErrorResource } from '@ironbark/core/errors.ts';
import { type IdPrefix, isResourceId, type ResourceId } from '@ironbark/core/ids.ts';
import { missingParameter, notFound, refuse } from './refusals.ts';

interface Noun {
  prefix: IdPrefix;
  resource: ErrorResource;
  /** As in "The instance ID 'i-...' does not exist". */
  label: string;
}

export const INSTANCE = { prefix: 'i', resource: 'instance', label: 'instance ID' } as const;
export const VOLUME = { prefix: 'vol', resource: 'volume', label: 'volume' } as const;
export const SNAPSHOT = { prefix: 'snap', resource: 'snapshot', label: 'snapshot' } as const;
export const IMAGE = { prefix: 'ami', resource: 'image', label: 'image id' } as const;
export const KEY_PAIR = { prefix: 'key', resource: 'key-pair', label: 'key pair ID' } as const;
export const SUBNET = { prefix: 'subnet', resource: 'subnet', label: 'subnet ID' } as const;
export const VPC = { prefix: 'vpc', resource: 'vpc', label: 'vpc ID' } as const;
export const GROUP = {
  prefix: 'sg',
  resource: 'security-group',
  label: 'security group',
} as const;
export const GROUP_RULE = {
  prefix: 'sgr',
  resource: 'security-group-rule',
  label: 'security group rule ID',
} as const;
export const INTERFACE = {
  prefix: 'eni',
  resource: 'network-interface',
  label: 'networkInterface ID',
} as const;

export const INTERNET_GATEWAY = {
  prefix: 'igw',
  resource: 'internet-gateway',
  label: 'internetGateway ID',
} as const;
export const ROUTE_TABLE = {
  prefix: 'rtb',
  resource: 'route-table',
  label: 'routeTable ID',
} as const;
export const ROUTE_TABLE_ASSOCIATION = {
  prefix: 'rtbassoc',
  resource: 'route-table-association',
  label: 'association ID',
} as const;
export const ALLOCATION = {
  prefix: 'eipalloc',
  resource: 'allocation',
  label: 'allocation ID',
} as const;
export const ADDRESS_ASSOCIATION = {
  prefix: 'eipassoc',
  resource: 'address-association',
  label: 'association ID',
} as const;
export const NAT_GATEWAY = {
  prefix: 'nat',
  resource: 'nat-gateway',
  label: 'NatGateway',
} as const;
export const VPC_PEERING = {
  prefix: 'pcx',
  resource: 'vpc-peering-connection',
  label: 'vpcPeeringConnection ID',
} as const;
export const FLOW_LOG = { prefix: 'fl', resource: 'flow-log', label: 'flow log ID' } as const;
export const NETWORK_ACL = {
  prefix: 'acl',
  resource: 'network-acl',
  label: 'networkAcl ID',
} as const;
export const NETWORK_ACL_ASSOCIATION = {
  prefix: 'aclassoc',
  resource: 'network-acl-association',
  label: 'association ID',
} as const;
export const DHCP_OPTIONS = {
  prefix: 'dopt',
  resource: 'dhcp-options',
  label: 'dhcpOption ID',
} as const;
export const VPC_CIDR_ASSOCIATION = {
  prefix: 'vpc-cidr-assoc',
  resource: 'vpc-cidr-association',
  label: 'vpc CIDR block association ID',
} as const;
export const SUBNET_CIDR_ASSOCIATION = {
  prefix: 'subnet-cidr-assoc',
  resource: 'subnet-cidr-association',
  label: 'subnet CIDR block association ID',
} as const;
export const EGRESS_ONLY_GATEWAY = {
  prefix: 'eigw',
  resource: 'egress-only-gateway',
  label: 'eigw ID',
} as const;
export const INTERFACE_ATTACHMENT = {
  prefix: 'eni-attach',
  resource: 'interface-attachment',
  label: 'interface attachment ID',
} as const;
export const LAUNCH_TEMPLATE = {
  prefix: 'lt',
  resource: 'launch-template',
  label: 'launch template ID',
} as const;
export const PLACEMENT_GROUP = {
  prefix: 'pg',
  resource: 'placement-group',
  label: 'placement group ID',
} as const;

export const PROFILE_ASSOCIATION = {
  prefix: 'iip-assoc',
  resource: 'profile-association',
  label: 'association ID',
} as const;

/**
 * EC2 looks up any small letters and digits after these, and finds nothing; other ids have 8 or 17 hexadecimal digits. "The Id
 * may only contain lowercase alphanumeric characters and a single dash": what EC2 says of VPCs' ids (tests of aws-controllers-k8s).
 */
const LOOKED_UP: ReadonlySet<IdPrefix> = new Set([
  ...(['vpc', 'vpc-cidr-assoc', 'subnet', 'sg', 'eni', 'eni-attach', 'igw', 'rtb'] as const),
  ...(['rtbassoc', 'acl', 'aclassoc', 'dopt', 'eipalloc', 'eipassoc'] as const),
]);
const LETTERS_AND_DIGITS = /^[a-z0-9]{1,64}$/;

/** More ids than EC2 takes in one request is a mistake or an attack. */
const MAX_IDS = 1000;

export function parseId<N extends Noun>(
  noun: N,
  text: string | undefined,
  parameter: string,
): ResourceId<N['prefix']> {
  if (text === undefined || text === '') throw missingParameter(parameter);
  if (isId(noun.prefix, text)) return text as ResourceId<N['prefix']>;
  throw refuse(
    'malformed-id',
    noun.resource,
    `Invalid id: "${text.slice(0, 100)}" (expecting "${noun.prefix}-...")`,
  );
}

function isId(prefix: IdPrefix, text: string): boolean {
  if (!LOOKED_UP.has(prefix)) return isResourceId(prefix, text);
  const [start, rest] = [`${prefix}-`, text.slice(prefix.length + 1)];
  return text.startsWith(start) && LETTERS_AND_DIGITS.test(rest);
}

/** Each id once, in the order given. */
export function parseIds<N extends Noun>(
  noun: N,
  texts: readonly string[] | undefined,
  parameter: string,
): ResourceId<N['prefix']>[] {
  const given = texts ?? [];
  if (given.length > MAX_IDS) {
    throw refuse('limit-exceeded', 'request', `At most ${MAX_IDS} ids fit into one request.`);
  }
  return [...new Set(given.map((text) => parseId(noun, text, parameter)))];
}

export function requireIds<N extends Noun>(
  noun: N,
  texts: readonly string[] | undefined,
  parameter: string,
): ResourceId<N['prefix']>[] {
  const ids = parseIds(noun, texts, parameter);
  if (ids.length === 0) throw missingParameter(parameter);
  return ids;
}

/** The rows in the order of the ids; throws one error that lists every id without a row. */
export function matchIds<Row extends { id: string }>(
  noun: Noun,
  ids: readonly string[],
  rows: readonly Row[],
): Row[] {
  const byId = new Map(rows.map((row) => [row.id, row]));
  const absent = ids.filter((id) => !byId.has(id));
  if (absent.length > 0) throw notFound(noun.resource, noun.label, absent);
  return ids.map((id) => byId.get(id)!);
}
