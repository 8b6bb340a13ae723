// Owns which IPv6 addresses interfaces get.

import {
  type Cidr6,
  cidr6Contains,
  parseBlock6,
  parseIpv6,
  renderIpv6,
} from '@ironbark/core/ipv6.ts';
import type { RandomSource } from '@ironbark/platform/random.ts';
import {
  deleteIpv6Address,
  findIpv6CidrOfSubnet,
  insertIpv6Address,
  isIpv6AddressTaken,
  listIpv6AddressesOfAny,
} from '../store/ipv6.ts';
import type { InterfaceRow } from '../store/schema.ts';
import type { Queries } from '../store/store.ts';
import type { App } from './app.ts';
import type { Change } from './change.ts';
import { tellOfInterface } from './interface-changes.ts';
import { invalidValue, refuse } from './refusals.ts';

/** "The first four IPv6 addresses and the last IPv6 address in each subnet CIDR block are not available": VPC User Guide. */
const RESERVED_FIRST = 4n;
const HOST_BITS = 64n;
/** EC2's largest instance types have 50 on one interface. */
export const MAX_IPV6_ADDRESSES = 50;

export interface Ipv6Wish {
  /** These, or so many. */
  ipv6Addresses: readonly string[];
  /** Undefined: as the subnet says. */
  ipv6Count: number | undefined;
}

/** For an interface that has just been made. */
export async function giveIpv6(
  app: App,
  change: Change,
  row: InterfaceRow,
  { ipv6Addresses, ipv6Count, isAssigned }: Ipv6Wish & { isAssigned: boolean },
): Promise<void> {
  const count = ipv6Count ?? (isAssigned && ipv6Addresses.length === 0 ? 1 : 0);
  if (ipv6Addresses.length + count === 0) return;
  await addIpv6Addresses(app, change, row, { ipv6Addresses, ipv6Count: count });
}

/** Answers those that were added. */
export async function addIpv6Addresses(
  app: App,
  change: Change,
  row: InterfaceRow,
  { ipv6Addresses, ipv6Count = 0 }: Ipv6Wish,
): Promise<string[]> {
  const { tx } = change;
  const own = await listIpv6AddressesOfAny(tx, [row.id]);
  const more = ipv6Addresses.length > 0 ? ipv6Addresses.length : ipv6Count;
  if (more < 1) throw invalidValue('ipv6AddressCount', more, 'It has to be at least 1.');
  if (own.length + more > MAX_IPV6_ADDRESSES) {
    throw refuse(
      'limit-exceeded',
      'private-address',
      `An interface can have ${MAX_IPV6_ADDRESSES} IPv6 addresses.`,
    );
  }
  const block = await findIpv6CidrOfSubnet(tx, row.subnetId);
  if (block === undefined) {
    throw refuse(
      'invalid-parameter',
      'request',
      `The subnet '${row.subnetId}' does not have an IPv6 CIDR block associated with it.`,
    );
  }
  const cidr = parseBlock6(block.cidr)!;
  const wanted = ipv6Addresses.length > 0 ? ipv6Addresses : Array<undefined>(more).fill(undefined);
  const first = Math.max(-1, ...own.map(({ place }) => place)) + 1;
  const { id: interfaceId, subnetId } = row;
  const added: string[] = [];
  for (const text of wanted) {
    const address = await takeAddress(tx, app.random, cidr, text);
    await insertIpv6Address(tx, { address, interfaceId, subnetId, place: first + added.length });
    added.push(address);
  }
  await tellOfInterface(change, row);
  return added;
}

/** The one asked for, or one at random, as EC2's are. */
async function takeAddress(
  tx: Queries,
  random: RandomSource,
  cidr: Cidr6,
  wanted: string | undefined,
): Promise<string> {
  if (wanted !== undefined) return checkAddress(tx, cidr, wanted);
  for (;;) {
    const host = BigInt(`0x${Buffer.from(random.bytes(8)).toString('hex')}`);
    const address = renderIpv6(cidr.base + host);
    if (isAssignable(host) && !(await isIpv6AddressTaken(tx, address))) return address;
  }
}

function isAssignable(host: bigint): boolean {
  return host >= RESERVED_FIRST && host < (1n << HOST_BITS) - 1n;
}

async function checkAddress(tx: Queries, cidr: Cidr6, wanted: string): Promise<string> {
  const base = parseIpv6(wanted);
  const isInside = base !== undefined && cidr6Contains(cidr, { base, prefix: 128 });
  if (!isInside || !isAssignable(base - cidr.base)) {
    throw invalidValue(
      'ipv6Addresses',
      wanted.slice(0, 64),
      'It is none of the usable addresses of the subnet; the first four and the last are reserved.',
    );
  }
  const address = renderIpv6(base);
  if (!(await isIpv6AddressTaken(tx, address))) return address;
  throw refuse('in-use', 'address', `Address ${address} is in use.`);
}

/** Answers those that were taken away, as they are written. */
export async function removeIpv6Addresses(
  change: Change,
  row: InterfaceRow,
  texts: readonly string[],
): Promise<string[]> {
  const { tx } = change;
  const own = new Set((await listIpv6AddressesOfAny(tx, [row.id])).map(({ address }) => address));
  const addresses = texts.map((text) => {
    const value = parseIpv6(text);
    const address = value === undefined ? '' : renderIpv6(value);
    if (own.has(address)) return address;
    throw invalidValue(
      'ipv6Addresses',
      text.slice(0, 64),
      `It is not assigned to the interface ${row.id}.`,
    );
  });
  for (const address of addresses) await deleteIpv6Address(tx, address);
  await tellOfInterface(change, row);
  return addresses;
}
