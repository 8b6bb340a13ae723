// Owns how requests say which IPv6 addresses an interface gets: by name, or how many.

import type { InstanceIpv6Address } from '@aws-sdk/client-ec2';
import type { Ipv6Wish } from '../app/ipv6-addresses.ts';
import { invalidCombination, invalidValue, missingParameter } from '../app/refusals.ts';

export interface Ipv6Input {
  Ipv6Addresses?: readonly InstanceIpv6Address[] | undefined;
  Ipv6AddressCount?: number | undefined;
}

/** Of an interface that is to be made. */
export function parseIpv6Wish({ Ipv6Addresses = [], Ipv6AddressCount }: Ipv6Input): Ipv6Wish {
  if (Ipv6Addresses.length > 0 && Ipv6AddressCount !== undefined) {
    throw invalidCombination('Give Ipv6Addresses or Ipv6AddressCount, not both.');
  }
  if (Ipv6AddressCount !== undefined && Ipv6AddressCount < 0) {
    throw invalidValue('ipv6AddressCount', Ipv6AddressCount, 'It has to be at least 0.');
  }
  const ipv6Addresses = Ipv6Addresses.map(({ Ipv6Address, IsPrimaryIpv6 }) => {
    if (Ipv6Address === undefined) throw missingParameter('Ipv6Addresses.Ipv6Address');
    if (IsPrimaryIpv6 === true) {
      throw invalidCombination(
        'IsPrimaryIpv6 needs EnablePrimaryIpv6, which this cloud does not offer.',
      );
    }
    return Ipv6Address;
  });
  return { ipv6Addresses, ipv6Count: Ipv6AddressCount };
}

/** Blocks are of the one place that this cloud is. */
export function checkBorderGroup(
  { region }: { region: string },
  {
    Ipv6CidrBlockNetworkBorderGroup: group,
  }: { Ipv6CidrBlockNetworkBorderGroup?: string | undefined },
): void {
  if (group === undefined || group === region) return;
  throw invalidValue('ipv6CidrBlockNetworkBorderGroup', group.slice(0, 64), `It is ${region}.`);
}
