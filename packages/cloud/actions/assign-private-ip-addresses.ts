// Owns AssignPrivateIpAddresses.

import { addPrivateIps, getOwnInterface } from '../app/network-interfaces.ts';
import {
  invalidCombination,
  missingParameter,
  notOffered,
  refuseParameters,
} from '../app/refusals.ts';
import { INTERFACE, parseId } from '../app/resource-ids.ts';
import { getSubnet } from '../app/subnets.ts';
import { changeNetwork } from '../app/vpc-capability.ts';
import type { Ec2Handler } from './handler.ts';

export const assignPrivateIpAddresses: Ec2Handler<'AssignPrivateIpAddresses'> = async (
  app,
  context,
  input,
) => {
  refuseParameters(input, ['Ipv4Prefixes', 'Ipv4PrefixCount']);
  if (input.AllowReassignment === true) {
    throw notOffered('AllowReassignment', 'Unassign the address first.');
  }
  const id = parseId(INTERFACE, input.NetworkInterfaceId, 'NetworkInterfaceId');
  const privateIps = input.PrivateIpAddresses ?? [];
  const count = input.SecondaryPrivateIpAddressCount ?? 0;
  if (privateIps.length > 0 && count > 0) {
    throw invalidCombination('Give PrivateIpAddresses or SecondaryPrivateIpAddressCount.');
  }
  if (privateIps.length === 0 && count === 0) {
    throw missingParameter('PrivateIpAddress or SecondaryPrivateIpAddressCount');
  }
  const added = await changeNetwork(app, context, async (change) => {
    const row = await getOwnInterface(change.tx, context.accountId, id);
    const subnet = await getSubnet(change, context, row.subnetId);
    return addPrivateIps(change, row, { subnet, privateIps, count });
  });
  return {
    NetworkInterfaceId: id,
    AssignedPrivateIpAddresses: added.map((PrivateIpAddress) => ({ PrivateIpAddress })),
  };
};
