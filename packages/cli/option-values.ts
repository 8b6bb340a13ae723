// Owns what the values of options have to look like, and what is said of those that do not.

import { isUnicast, parseBlock, parseIpv4 } from '@ironbark/core/ipv4.ts';
import { InvalidArgumentError } from 'commander';

const LARGEST_PORT = 65_535;

export function parsePort(text: string): number {
  const port = parseCount(text);
  if (port > LARGEST_PORT) throw new InvalidArgumentError('a port is at most 65535');
  return port;
}

export function parseRegion(text: string): string {
  if (!/^[a-z][a-z0-9-]{2,31}$/.test(text)) {
    throw new InvalidArgumentError('a name like us-east-1 is needed');
  }
  return text;
}

/** A block of which at least two addresses are left, and at most 65,534. */
const PUBLIC_PREFIXES = { shortest: 16, longest: 30 };

export function parsePublicBlock(text: string): string {
  const block = parseBlock(text);
  const { shortest, longest } = PUBLIC_PREFIXES;
  if (block === undefined || block.prefix < shortest || block.prefix > longest) {
    throw new InvalidArgumentError(
      `a block like 192.0.2.0/24 is needed, from /${shortest} to /${longest}`,
    );
  }
  return text;
}

export function parseHostAddress(text: string): string {
  const address = parseIpv4(text);
  if (address !== undefined && isUnicast(address)) return text;
  throw new InvalidArgumentError(
    'an IPv4 address that other hosts can reach is needed, like 192.168.1.10',
  );
}

/** As many as a large host has; a longer list is a mistake. */
const MAX_DEVICES = 256;

export function parseDevices(text: string): string[] {
  if (text === 'none') return [];
  const paths = [...new Set(text.split(',').map((path) => path.trim()))];
  const isGood = paths.every((path) => /^\/[\x21-\x7e]+$/.test(path));
  if (isGood && paths.length <= MAX_DEVICES) return paths;
  throw new InvalidArgumentError('paths are needed, such as /dev/sdb,/dev/disk/by-id/nvme-A');
}

export function parseRate(text: string): number {
  const rate = Number(text);
  if (!(rate >= 0 && rate < 1))
    throw new InvalidArgumentError('a share from 0 to below 1 is needed');
  return rate;
}

/** A whole number or a part, such as 0.5 TiB. */
export function parseAmount(text: string): number {
  if (!/^\d{1,15}(?:\.\d{1,6})?$/.test(text)) throw new InvalidArgumentError('a number is needed');
  return Number(text);
}

export function parseCount(text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new InvalidArgumentError('a whole number is needed');
  return Number(text);
}
