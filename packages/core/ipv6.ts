// Owns IPv6 addresses and networks as numbers: reading, writing and comparing them.

export interface Cidr6 {
  /** The first address, as an unsigned 128-bit number. */
  base: bigint;
  prefix: number;
}

const BITS = 128;
const GROUPS = 8;
const ALL = (1n << 128n) - 1n;
/** With the two colons that stand for none. */
const LONGEST_TEXT = 45;

/** Undefined for anything but RFC 4291's text forms; one with a zone (`%eth0`) is none of them. */
export function parseIpv6(text: string): bigint | undefined {
  if (text.length > LONGEST_TEXT) return undefined;
  const halves = text.split('::');
  if (halves.length > 2) return undefined;
  const [before, after] = halves.map(parseGroups);
  if (before === undefined || (halves.length === 2 && after === undefined)) return undefined;
  const rest = after ?? [];
  const missing = GROUPS - before.length - rest.length;
  if (halves.length === 2 ? missing < 1 : missing !== 0) return undefined;
  const all = [...before, ...Array<number>(missing).fill(0), ...rest];
  return all.reduce((value, group) => (value << 16n) | BigInt(group), 0n);
}

/** Undefined where one is no group. None for the empty text. */
function parseGroups(text: string): number[] | undefined {
  if (text === '') return [];
  const groups = text.split(':');
  if (!groups.every((group) => /^[0-9a-f]{1,4}$/i.test(group))) return undefined;
  return groups.map((group) => Number.parseInt(group, 16));
}

/** As RFC 5952 wants it: lower case, the longest run of zero groups as two colons, the first of several. */
export function renderIpv6(value: bigint): string {
  const groups = Array.from({ length: GROUPS }, (_, at) =>
    ((value >> BigInt(16 * (GROUPS - 1 - at))) & 0xffffn).toString(16),
  );
  const { start, length } = longestZeros(groups);
  if (length < 2) return groups.join(':');
  return `${groups.slice(0, start).join(':')}::${groups.slice(start + length).join(':')}`;
}

function longestZeros(groups: readonly string[]): { start: number; length: number } {
  let best = { start: 0, length: 0 };
  for (let start = 0; start < GROUPS; start += 1) {
    let length = 0;
    while (groups[start + length] === '0') length += 1;
    if (length > best.length) best = { start, length };
  }
  return best;
}

/** Reads `fd00::/56`. Bits after the length are cleared. */
export function parseCidr6(text: string): Cidr6 | undefined {
  const [address, length, ...rest] = text.split('/');
  const value = parseIpv6(address ?? '');
  if (value === undefined || rest.length > 0 || !/^\d{1,3}$/.test(length ?? '')) return undefined;
  const prefix = Number(length);
  return prefix > BITS ? undefined : { base: value & maskOf6(prefix), prefix };
}

/** As {@link parseCidr6}, with no bit set after the length. */
export function parseBlock6(text: string): Cidr6 | undefined {
  const cidr = parseCidr6(text);
  return cidr !== undefined && parseIpv6(text.split('/')[0]!) === cidr.base ? cidr : undefined;
}

export function renderCidr6({ base, prefix }: Cidr6): string {
  return `${renderIpv6(base)}/${prefix}`;
}

function maskOf6(prefix: number): bigint {
  return (ALL << BigInt(BITS - prefix)) & ALL;
}

export function cidr6Contains(outer: Cidr6, inner: Cidr6): boolean {
  return outer.prefix <= inner.prefix && (inner.base & maskOf6(outer.prefix)) === outer.base;
}

export function cidrs6Overlap(a: Cidr6, b: Cidr6): boolean {
  return cidr6Contains(a, b) || cidr6Contains(b, a);
}

/** Unique local unicast addresses, RFC 4193. */
const UNIQUE_LOCAL: Cidr6 = { base: 0xfcn << 120n, prefix: 7 };
/** What is given to networks of the whole internet: IANA's "IPv6 Global Unicast Address Assignments". */
const GLOBAL: Cidr6 = { base: 0x2n << 124n, prefix: 3 };

/** It can be guests': neither link-local, nor multicast, nor one of those with a meaning of their own. */
export function isGuestNetwork6(cidr: Cidr6): boolean {
  return cidr6Contains(UNIQUE_LOCAL, cidr) || cidr6Contains(GLOBAL, cidr);
}

/** The address that an interface makes of its MAC for its link: RFC 4291, appendix A. */
export function linkLocalOf(macAddress: string): string {
  const bytes = macAddress.split(':').map((byte) => Number.parseInt(byte, 16));
  const [first = 0, second = 0, third = 0, ...rest] = bytes;
  const id = [first ^ 0x02, second, third, 0xff, 0xfe, ...rest];
  const value = id.reduce((whole, byte) => (whole << 8n) | BigInt(byte), 0n);
  return renderIpv6((0xfe80n << 112n) | value);
}

/** Texts of networks say by themselves of which family they are. */
export function isIpv6Text(text: string): boolean {
  return text.includes(':');
}
