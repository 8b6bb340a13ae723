// Owns which blocks of addresses a VPC or a subnet may have.

import { type Cidr, isPrivate, parseCidr, renderCidr } from '@ironbark/core/ipv4.ts';
import { missingParameter, refuse } from './refusals.ts';

/** VPC User Guide, "VPC CIDR blocks": between a /28 and a /16 netmask. */
const SHORTEST_PREFIX = 16;
const LONGEST_PREFIX = 28;

/** Bits after the length are cleared, as EC2 does. */
export function parseCidrBlock(text: string | undefined, of: 'vpc' | 'subnet'): Cidr {
  if (text === undefined || text === '') throw missingParameter('cidrBlock');
  const cidr = text.includes('/') ? parseCidr(text) : undefined;
  if (cidr === undefined) {
    throw refuse(
      'invalid-parameter',
      'request',
      `Value (${text.slice(0, 64)}) for parameter cidrBlock is invalid. This is not a valid CIDR block.`,
    );
  }
  if (cidr.prefix < SHORTEST_PREFIX || cidr.prefix > LONGEST_PREFIX) throw outOfRange(cidr, of);
  if (of === 'vpc' && !isPrivate(cidr)) throw outOfRange(cidr, of, PRIVATE_ONLY);
  return cidr;
}

const PRIVATE_ONLY =
  ' This cloud takes private blocks: of 10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16 and 100.64.0.0/10.';

export function outOfRange(cidr: Cidr, of: 'vpc' | 'subnet', more = ''): Error {
  return refuse('invalid-parameter', of, `The CIDR '${renderCidr(cidr)}' is invalid.${more}`);
}
