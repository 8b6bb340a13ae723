// Owns AssociateAddress.

import type { Change } from '../app/change.ts';
import { getInstance } from '../app/instances.ts';
import { getOwnInterface } from '../app/network-interfaces.ts';
import { associateAddress as associate } from '../app/public-addresses.ts';
import { invalidCombination, invalidValue, missingParameter } from '../app/refusals.ts';
import { INSTANCE, INTERFACE, parseId } from '../app/resource-ids.ts';
import { findSoleInterface } from '../app/sole-interface.ts';
import { changeNetwork } from '../app/vpc-capability.ts';
import { listAddressesOfInterface } from '../store/interface-addresses.ts';
import type { InterfaceRow } from '../store/schema.ts';
import type { RequestContext } from './action.ts';
import type { Ec2Handler } from './handler.ts';

type Target = { InstanceId?: string | undefined; NetworkInterfaceId?: string | undefined };

export const associateAddress: Ec2Handler<'AssociateAddress'> = async (app, context, input) => {
  const { AllocationId, PublicIp, PrivateIpAddress } = input;
  const row = await changeNetwork(app, context, async (change) => {
    const target = await findTarget(context, change, input);
    const privateIp = await choosePrivateIp(change, target, PrivateIpAddress);
    return associate(app, context, change, {
      which: { AllocationId, PublicIp },
      target,
      privateIp,
      // In a VPC an address moves unless that is ruled out.
      mayTakeOver: input.AllowReassociation !== false,
    });
  });
  return { AssociationId: row.associationId! };
};

async function findTarget(
  context: RequestContext,
  { tx }: Change,
  { InstanceId, NetworkInterfaceId }: Target,
): Promise<InterfaceRow> {
  if (InstanceId !== undefined && NetworkInterfaceId !== undefined) {
    throw invalidCombination('You may specify instance id or network interface id, not both.');
  }
  if (NetworkInterfaceId !== undefined) {
    const id = parseId(INTERFACE, NetworkInterfaceId, 'NetworkInterfaceId');
    return getOwnInterface(tx, context.accountId, id);
  }
  if (InstanceId === undefined) throw missingParameter('InstanceId or NetworkInterfaceId');
  const id = parseId(INSTANCE, InstanceId, 'InstanceId');
  await getInstance(tx, context, id);
  const sole = await findSoleInterface(tx, id);
  if (sole !== undefined) return sole;
  throw invalidValue('InstanceId', id, 'The instance has no network interface any more.');
}

async function choosePrivateIp(
  { tx }: Change,
  { id, privateIp }: InterfaceRow,
  wanted: string | undefined,
): Promise<string> {
  if (wanted === undefined || wanted === privateIp) return privateIp;
  const more = await listAddressesOfInterface(tx, id);
  if (more.some((one) => one.privateIp === wanted)) return wanted;
  throw invalidValue('PrivateIpAddress', wanted.slice(0, 64), `It is not one of ${id}.`);
}
