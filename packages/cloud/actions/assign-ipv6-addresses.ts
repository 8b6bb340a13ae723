// Owns AssignIpv6Addresses.

import { addIpv6Addresses } from '../app/ipv6-addresses.ts';
import { getOwnInterface } from '../app/network-interfaces.ts';
import { invalidCombination, missingParameter, refuseParameters } from '../app/refusals.ts';
import { INTERFACE, parseId } from '../app/resource-ids.ts';
import { changeNetwork } from '../app/vpc-capability.ts';
import type { Ec2Handler } from './handler.ts';

export const assignIpv6Addresses: Ec2Handler<'AssignIpv6Addresses'> = async (
  app,
  context,
  input,
) => {
  refuseParameters(input, ['Ipv6Prefixes', 'Ipv6PrefixCount']);
  const id = parseId(INTERFACE, input.NetworkInterfaceId, 'NetworkInterfaceId');
  const { Ipv6Addresses: ipv6Addresses = [], Ipv6AddressCount: ipv6Count } = input;
  if (ipv6Addresses.length > 0 && ipv6Count !== undefined) {
    throw invalidCombination('Give Ipv6Addresses or Ipv6AddressCount, not both.');
  }
  if (ipv6Addresses.length === 0 && ipv6Count === undefined) {
    throw missingParameter('ipv6Addresses or ipv6AddressCount');
  }
  const AssignedIpv6Addresses = await changeNetwork(app, context, async (change) => {
    const row = await getOwnInterface(change.tx, context.accountId, id);
    return addIpv6Addresses(app, change, row, { ipv6Addresses, ipv6Count });
  });
  return { NetworkInterfaceId: id, AssignedIpv6Addresses };
};
