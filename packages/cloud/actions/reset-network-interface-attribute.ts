// Owns ResetNetworkInterfaceAttribute: source and destination are checked again.

import { changeFor } from '../app/change.ts';
import { getOwnInterface } from '../app/network-interfaces.ts';
import { missingParameter } from '../app/refusals.ts';
import { INTERFACE, parseId } from '../app/resource-ids.ts';
import { touchPorts } from '../app/vpc-changes.ts';
import { updateInterface } from '../store/network-interfaces.ts';
import type { Ec2Handler } from './handler.ts';

export const resetNetworkInterfaceAttribute: Ec2Handler<'ResetNetworkInterfaceAttribute'> = async (
  app,
  context,
  input,
) => {
  const id = parseId(INTERFACE, input.NetworkInterfaceId, 'NetworkInterfaceId');
  if (input.SourceDestCheck === undefined) throw missingParameter('SourceDestCheck');
  await changeFor(app, context, async (change) => {
    const row = await getOwnInterface(change.tx, context.accountId, id);
    await updateInterface(change.tx, id, { sourceDestCheck: 1 });
    await touchPorts(change, row.vpcId, [row.id]);
  });
  return {};
};
