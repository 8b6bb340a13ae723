// Owns which private address an interface gets.

import { type Cidr, sizeOfCidr } from '@ironbark/core/ipv4.ts';

/**
 * EC2 keeps the first four addresses of a subnet (network, router, name server, future use) and the last one
 * (VPC User Guide, "Subnet CIDR blocks").
 */
const RESERVED_FIRST = 4;
const RESERVED_LAST = 1;

export function isAssignable(cidr: Cidr, address: number): boolean {
  const host = address - cidr.base;
  return host >= RESERVED_FIRST && host < sizeOfCidr(cidr) - RESERVED_LAST;
}

export function countAssignable(cidr: Cidr): number {
  return Math.max(0, sizeOfCidr(cidr) - RESERVED_FIRST - RESERVED_LAST);
}

/** The first address that is not used, from `start` (an offset in the block) upwards and round. */
export function findFreeAddress(
  cidr: Cidr,
  used: (address: number) => boolean,
  start: number,
): number | undefined {
  const count = countAssignable(cidr);
  const first = Math.max(start - RESERVED_FIRST, 0);
  for (let step = 0; step < count; step++) {
    const address = cidr.base + RESERVED_FIRST + ((first + step) % count);
    if (!used(address)) return address;
  }
  return undefined;
}

/** A unicast address of the locally administered range, as EC2's are. */
export function renderMac(bytes: Uint8Array): string {
  return ['02', ...Array.from(bytes.subarray(0, 5), (b) => b.toString(16).padStart(2, '0'))].join(
    ':',
  );
}

/** EC2's private names: `ec2.internal` in us-east-1, `<region>.compute.internal` elsewhere. */
export function privateDomain(region: string): string {
  return region === 'us-east-1' ? 'ec2.internal' : `${region}.compute.internal`;
}

export function privateDnsName(privateIp: string, region: string): string {
  return `ip-${privateIp.replaceAll('.', '-')}.${privateDomain(region)}`;
}
