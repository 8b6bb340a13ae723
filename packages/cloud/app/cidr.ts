// Owns the arithmetic of IPv4 blocks.

export interface Cidr {
  /** The block's first address as an unsigned number. */
  base: number;
  prefix: number;
  /** Number of addresses. */
  size: number;
}

export function parseIpv4(text: string): number | undefined {
  const match = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(text);
  if (match === null) return undefined;
  const parts = match.slice(1).map(Number);
  if (parts.some((part, index) => part > 255 || String(part) !== match[index + 1])) {
    return undefined;
  }
  return parts.reduce((sum, part) => sum * 256 + part, 0);
}

export function renderIpv4(address: number): string {
  return [24, 16, 8, 0].map((shift) => (address >>> shift) & 255).join('.');
}

/** Undefined unless it is `a.b.c.d/n` with no bit set after the prefix. */
export function parseCidr(text: string): Cidr | undefined {
  const [address, length, ...rest] = text.split('/');
  if (rest.length > 0 || !/^\d{1,2}$/.test(length ?? '')) return undefined;
  const base = parseIpv4(address ?? '');
  const prefix = Number(length);
  if (base === undefined || prefix > 32) return undefined;
  const size = 2 ** (32 - prefix);
  return base % size === 0 ? { base, prefix, size } : undefined;
}

/** The first block of that length inside the given one. */
export function firstSubnet(cidr: Cidr, prefix: number): string {
  return `${renderIpv4(cidr.base)}/${Math.max(prefix, cidr.prefix)}`;
}
