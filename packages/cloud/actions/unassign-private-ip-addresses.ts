// Owns UnassignPrivateIpAddresses.

import { changeFor } from '../app/change.ts';
import { getOwnInterface, removePrivateIps } from '../app/network-interfaces.ts';
import { missingParameter, refuseParameters } from '../app/refusals.ts';
import { INTERFACE, parseId } from '../app/resource-ids.ts';
import type { Ec2Handler } from './handler.ts';

export const unassignPrivateIpAddresses: Ec2Handler<'UnassignPrivateIpAddresses'> = async (
  app,
  context,
  input,
) => {
  refuseParameters(input, ['Ipv4Prefixes']);
  const id = parseId(INTERFACE, input.NetworkInterfaceId, 'NetworkInterfaceId');
  const privateIps = input.PrivateIpAddresses ?? [];
  if (privateIps.length === 0) throw missingParameter('PrivateIpAddress');
  await changeFor(app, context, async (change) => {
    const row = await getOwnInterface(change.tx, context.accountId, id);
    await removePrivateIps(change, row, privateIps);
  });
  return {};
};
