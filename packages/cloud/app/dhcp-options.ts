// Owns the rules of DHCP option sets: what one may say, and which VPC has which.

import type { AccountId, DhcpOptionsId, VpcId } from '@ironbark/core/ids.ts';
import { isUnicast, parseIpv4 } from '@ironbark/core/ipv4.ts';
import { newId } from '@ironbark/platform/random.ts';
import type { DhcpIntent } from '@ironbark/protocol/internal/network-messages.ts';
import {
  deleteDhcpOptionsRow,
  insertDhcpOptions,
  isAnyVpcWith,
  listDhcpOptions,
} from '../store/dhcp-options.ts';
import type { DhcpOptionsRow } from '../store/network-schema.ts';
import type { Queries } from '../store/store.ts';
import { deleteTags } from '../store/tags.ts';
import { updateVpc } from '../store/vpcs.ts';
import type { App } from './app.ts';
import type { Caller, Change } from './change.ts';
import { getVpc } from './find-vpc.ts';
import { invalidValue, missingParameter, refuse } from './refusals.ts';
import { DHCP_OPTIONS, matchIds } from './resource-ids.ts';
import { setTags, type Tag } from './tags.ts';
import { touchVpc } from './vpc-changes.ts';

/** AWS raises its quota of DHCP option sets, which is not published, on request. */
const MAX_SETS = 500;
/** "Specify the IP addresses of up to four": CreateDhcpOptions, of each kind of server. */
const MAX_SERVERS = 4;
/** What a subnet's own gateway answers to. */
const OWN_DNS = 'AmazonProvidedDNS';
const DOMAIN = /^[a-z0-9](?:[a-z0-9.-]{0,61}[a-z0-9])?$/;
/** RFC 2132, 8.7. */
const NODE_TYPES = ['1', '2', '4', '8'];

export interface DhcpConfiguration {
  key: string;
  values: string[];
}

interface WireConfiguration {
  Key?: string | undefined;
  Values?: readonly string[] | undefined;
}

export function parseConfigurations(
  given: readonly WireConfiguration[] | undefined,
): DhcpConfiguration[] {
  if (given === undefined || given.length === 0) throw missingParameter('DhcpConfiguration');
  const parsed = given.map(({ Key = '', Values = [] }) => ({ key: Key, values: [...Values] }));
  for (const configuration of parsed) checkConfiguration(configuration);
  const keys = new Set(parsed.map(({ key }) => key));
  if (keys.size === parsed.length) return parsed;
  throw invalidValue('DhcpConfiguration', [...keys].join(', '), 'Each key can be given once.');
}

function checkConfiguration({ key, values }: DhcpConfiguration): void {
  const check = CHECKS[key];
  if (check === undefined) {
    const known = Object.keys(CHECKS).join(', ');
    throw invalidValue('DhcpConfiguration.Key', key.slice(0, 64), `It is one of ${known}.`);
  }
  const isWhole = values.length > 0 && values.length <= check.most && values.every(check.holds);
  if (isWhole) return;
  const text = values.join(', ').slice(0, 200);
  throw invalidValue('DhcpConfiguration.Value', text, `${key} takes ${check.says}.`);
}

/** As nodes take it. Nobody answers at AWS's own link-local addresses of servers (169.254.169.253 and .123) here. */
function isAddress(text: string): boolean {
  const address = parseIpv4(text);
  return address !== undefined && isUnicast(address);
}

const isNameServer = (text: string) => text === OWN_DNS || isAddress(text);

const CHECKS: Readonly<
  Record<string, { most: number; says: string; holds: (value: string) => boolean }>
> = {
  'domain-name': {
    most: MAX_SERVERS,
    says: `up to ${MAX_SERVERS} domains in lower case`,
    holds: (text) => DOMAIN.test(text),
  },
  'domain-name-servers': {
    most: MAX_SERVERS,
    says: `up to ${MAX_SERVERS} IPv4 addresses that hosts can have, or ${OWN_DNS}`,
    holds: isNameServer,
  },
  'ntp-servers': {
    most: MAX_SERVERS,
    says: `up to ${MAX_SERVERS} IPv4 addresses that hosts can have`,
    holds: isAddress,
  },
  'netbios-name-servers': {
    most: MAX_SERVERS,
    says: `up to ${MAX_SERVERS} IPv4 addresses that hosts can have`,
    holds: isAddress,
  },
  'netbios-node-type': {
    most: 1,
    says: `one of ${NODE_TYPES.join(', ')}`,
    holds: (text) => NODE_TYPES.includes(text),
  },
};

export async function createOptions(
  app: App,
  { accountId }: Caller,
  { tx }: Change,
  { configurations, tags }: { configurations: DhcpConfiguration[]; tags: readonly Tag[] },
): Promise<DhcpOptionsId> {
  if ((await listDhcpOptions(tx, accountId)).length >= MAX_SETS) {
    throw refuse('limit-exceeded', 'dhcp-options', `An account can have ${MAX_SETS} sets.`);
  }
  const id = newId(app.random, 'dopt');
  await insertDhcpOptions(tx, { id, accountId, configurations: JSON.stringify(configurations) });
  await setTags(tx, accountId, id, tags);
  return id;
}

async function getOptions(tx: Queries, accountId: AccountId, id: DhcpOptionsId) {
  return matchIds(DHCP_OPTIONS, [id], await listDhcpOptions(tx, accountId))[0]!;
}

/** `null`: the cloud's own, which EC2 calls `default`. */
export async function associateOptions(
  { accountId }: Caller,
  change: Change,
  { id, vpcId }: { id: DhcpOptionsId | null; vpcId: VpcId },
): Promise<void> {
  if (id !== null) await getOptions(change.tx, accountId, id);
  await getVpc(change.tx, accountId, vpcId);
  await updateVpc(change.tx, vpcId, { dhcpOptionsId: id });
  await touchVpc(change, vpcId);
}

export async function removeOptions(
  { accountId }: Caller,
  { tx }: Change,
  id: DhcpOptionsId,
): Promise<void> {
  await getOptions(tx, accountId, id);
  if (await isAnyVpcWith(tx, id)) {
    throw refuse(
      'dependency-violation',
      'dhcp-options',
      `The dhcpOptions '${id}' has dependencies and cannot be deleted.`,
    );
  }
  await deleteDhcpOptionsRow(tx, id);
  await deleteTags(tx, id);
}

export function configurationsOf(row: DhcpOptionsRow): DhcpConfiguration[] {
  return JSON.parse(row.configurations) as DhcpConfiguration[];
}

/**
 * What a set says is all that guests are told, but for a domain: without one it is the cloud's own. Addresses that no host can
 * have, which sets of earlier versions may hold, are left out: nodes would refuse all that they are told.
 */
export function composeDhcp(row: DhcpOptionsRow | undefined, domain: string): DhcpIntent {
  if (row === undefined) {
    return { domainName: domain, domainNameServers: [OWN_DNS], ntpServers: [] };
  }
  const configurations = configurationsOf(row);
  const of = (key: string) => configurations.find((one) => one.key === key)?.values ?? [];
  const domains = of('domain-name');
  const servers = of('netbios-name-servers').filter(isAddress);
  const nodeType = of('netbios-node-type')[0];
  const hasNetbios = servers.length > 0 || nodeType !== undefined;
  const typed = nodeType === undefined ? {} : { nodeType: Number(nodeType) };
  return {
    domainName: domains.length === 0 ? domain : domains.join(' '),
    domainNameServers: of('domain-name-servers').filter(isNameServer),
    ntpServers: of('ntp-servers').filter(isAddress),
    ...(hasNetbios ? { netbios: { servers, ...typed } } : {}),
  };
}
