// Owns how a request says which private addresses a new interface gets: all of them by name, or the first one and a count.

import type { PrivateIpAddressSpecification } from '@aws-sdk/client-ec2';
import { invalidCombination, missingParameter } from '../app/refusals.ts';

export interface AddressInput {
  PrivateIpAddress?: string | undefined;
  PrivateIpAddresses?: readonly PrivateIpAddressSpecification[] | undefined;
  SecondaryPrivateIpAddressCount?: number | undefined;
}

export interface PrivateAddresses {
  /** The first one; undefined: whichever is free. */
  privateIp: string | undefined;
  /** Those besides it, or how many. */
  morePrivateIps: string[];
  moreCount: number;
}

export function parsePrivateAddresses(input: AddressInput): PrivateAddresses {
  const list = input.PrivateIpAddresses ?? [];
  const moreCount = input.SecondaryPrivateIpAddressCount ?? 0;
  if (list.length > 0 && (moreCount > 0 || input.PrivateIpAddress !== undefined)) {
    throw invalidCombination('Give PrivateIpAddresses alone, or a first address and a count.');
  }
  const first = list.filter((one) => one.Primary === true);
  if (first.length > 1) throw invalidCombination('Only one private address can be the primary.');
  const more = list.filter((one) => one.Primary !== true);
  return {
    privateIp: first[0]?.PrivateIpAddress ?? input.PrivateIpAddress,
    morePrivateIps: more.map((one) => requireAddress(one)),
    moreCount,
  };
}

/** A second one that may be any is asked for by the count. */
function requireAddress({ PrivateIpAddress }: PrivateIpAddressSpecification): string {
  if (PrivateIpAddress !== undefined) return PrivateIpAddress;
  throw missingParameter('PrivateIpAddresses.PrivateIpAddress');
}
