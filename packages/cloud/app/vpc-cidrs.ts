// Owns which blocks of addresses a VPC or a subnet may have.

import {
  type Cidr,
  cidrsOverlap,
  isHostBlock,
  parseBlock,
  parseCidr,
  renderCidr,
} from '@ironbark/core/ipv4.ts';
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
  return cidr;
}

/** As EC2, also of addresses that are public elsewhere: its guests do not reach those then. Not of this cloud's own. */
export function parseVpcBlock(text: string | undefined, publicAddresses: string): Cidr {
  const cidr = parseCidrBlock(text, 'vpc');
  if (!isHostBlock(cidr)) throw outOfRange(cidr, 'vpc', ' No host can have such an address.');
  if (!cidrsOverlap(cidr, parseBlock(publicAddresses)!)) return cidr;
  throw outOfRange(cidr, 'vpc', ` ${publicAddresses} are this cloud's public addresses.`);
}

export function outOfRange(cidr: Cidr, of: 'vpc' | 'subnet', more = ''): Error {
  return refuse('invalid-parameter', of, `The CIDR '${renderCidr(cidr)}' is invalid.${more}`);
}
