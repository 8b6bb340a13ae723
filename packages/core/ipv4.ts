// Owns IPv4 addresses and networks as numbers: reading, writing and comparing them.

export interface Cidr {
  /** The first address, as an unsigned 32-bit number. */
  base: number;
  prefix: number;
}

/** Undefined for anything but four decimal numbers up to 255 without leading zeros. */
export function parseIpv4(text: string): number | undefined {
  const parts = text.split('.');
  if (parts.length !== 4) return undefined;
  let value = 0;
  for (const part of parts) {
    if (!/^(?:0|[1-9]\d{0,2})$/.test(part) || Number(part) > 255) return undefined;
    value = value * 256 + Number(part);
  }
  return value;
}

export function renderIpv4(value: number): string {
  return [24, 16, 8, 0].map((shift) => (value >>> shift) & 0xff).join('.');
}

/** Reads `172.31.0.0/16`; a bare address is a network of one. Host bits are cleared. */
export function parseCidr(text: string): Cidr | undefined {
  const [address, length, ...rest] = text.split('/');
  const value = parseIpv4(address ?? '');
  if (value === undefined || rest.length > 0) return undefined;
  if (length !== undefined && !/^\d{1,2}$/.test(length)) return undefined;
  const prefix = length === undefined ? 32 : Number(length);
  if (prefix > 32) return undefined;
  return { base: (value & maskOf(prefix)) >>> 0, prefix };
}

/** As {@link parseCidr}, for a network as AWS wants one: with its length, and no bit set after it. */
export function parseBlock(text: string): Cidr | undefined {
  const cidr = text.includes('/') ? parseCidr(text) : undefined;
  return cidr !== undefined && parseIpv4(text.split('/')[0]!) === cidr.base ? cidr : undefined;
}

/** Number of addresses. */
export function sizeOfCidr({ prefix }: Cidr): number {
  return 2 ** (32 - prefix);
}

/** The first network of that length inside the given one. */
export function firstSubnet(cidr: Cidr, prefix: number): Cidr {
  return { base: cidr.base, prefix: Math.max(prefix, cidr.prefix) };
}

export function renderCidr({ base, prefix }: Cidr): string {
  return `${renderIpv4(base)}/${prefix}`;
}

/** The netmask as a number: 16 is 0xffff0000. */
export function maskOf(prefix: number): number {
  return prefix === 0 ? 0 : (0xffffffff << (32 - prefix)) >>> 0;
}

export function cidrContains(outer: Cidr, inner: Cidr): boolean {
  const mask = maskOf(outer.prefix);
  return outer.prefix <= inner.prefix && (inner.base & mask) >>> 0 === outer.base;
}

export function cidrsOverlap(a: Cidr, b: Cidr): boolean {
  return cidrContains(a, b) || cidrContains(b, a);
}

/** RFC 1918, and the shared block of RFC 6598 that EC2 takes too. */
const PRIVATE_BLOCKS = ['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', '100.64.0.0/10'].map(
  (text) => parseBlock(text)!,
);

/** It lies whole in a block that nobody has in public. */
export function isPrivate(cidr: Cidr): boolean {
  return PRIVATE_BLOCKS.some((block) => cidrContains(block, cidr));
}

/** Neither "this network", nor loopback, nor link-local, nor multicast and what is above it. */
const NO_HOSTS = ['0.0.0.0/8', '127.0.0.0/8', '169.254.0.0/16', '224.0.0.0/3'].map(
  (text) => parseBlock(text)!,
);

/** All of its addresses are ones that a host can have: what a guest's network may be of. */
export function isHostBlock(cidr: Cidr): boolean {
  return !NO_HOSTS.some((block) => cidrsOverlap(block, cidr));
}

export function isUnicast(address: number): boolean {
  return !NO_HOSTS.some((block) => cidrContains(block, { base: address, prefix: 32 }));
}
