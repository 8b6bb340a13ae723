// Owns UnassignIpv6Addresses.

import { changeFor } from '../app/change.ts';
import { removeIpv6Addresses } from '../app/ipv6-addresses.ts';
import { getOwnInterface } from '../app/network-interfaces.ts';
import { missingParameter, refuseParameters } from '../app/refusals.ts';
import { INTERFACE, parseId } from '../app/resource-ids.ts';
import type { Ec2Handler } from './handler.ts';

export const unassignIpv6Addresses: Ec2Handler<'UnassignIpv6Addresses'> = async (
  app,
  context,
  input,
) => {
  refuseParameters(input, ['Ipv6Prefixes']);
  const id = parseId(INTERFACE, input.NetworkInterfaceId, 'NetworkInterfaceId');
  const { Ipv6Addresses = [] } = input;
  if (Ipv6Addresses.length === 0) throw missingParameter('ipv6Addresses');
  const UnassignedIpv6Addresses = await changeFor(app, context, async (change) => {
    const row = await getOwnInterface(change.tx, context.accountId, id);
    return removeIpv6Addresses(change, row, Ipv6Addresses);
  });
  return { NetworkInterfaceId: id, UnassignedIpv6Addresses };
};
