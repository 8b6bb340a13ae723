// Owns ModifySubnetAttribute: one attribute at a time, as in EC2.

import { invalidCombination, missingParameter, notOffered } from '../app/refusals.ts';
import { parseId, SUBNET } from '../app/resource-ids.ts';
import { getSubnet, setMapPublicIp } from '../app/subnets.ts';
import { changeNetwork } from '../app/vpc-capability.ts';
import type { Ec2Handler } from './handler.ts';

/** Off they are anyway. */
const OFF_ONLY = [
  'AssignIpv6AddressOnCreation',
  'MapCustomerOwnedIpOnLaunch',
  'EnableDns64',
  'EnableResourceNameDnsARecordOnLaunch',
  'EnableResourceNameDnsAAAARecordOnLaunch',
  'DisableLniAtDeviceIndex',
] as const;

export const modifySubnetAttribute: Ec2Handler<'ModifySubnetAttribute'> = async (
  app,
  context,
  input,
) => {
  const id = parseId(SUBNET, input.SubnetId, 'SubnetId');
  const { SubnetId: _id, MapPublicIpOnLaunch: map, ...others } = input;
  const given = Object.entries(others).filter(([, value]) => value !== undefined);
  if (given.length + (map === undefined ? 0 : 1) > 1) {
    throw invalidCombination(
      'Fields for multiple attribute types specified; modify one at a time.',
    );
  }
  for (const [name] of given) refuseUnlessOff(name, others);
  if (map === undefined && given.length === 0) throw missingParameter('MapPublicIpOnLaunch');
  await changeNetwork(app, context, async (change) => {
    await getSubnet(change, context, id);
    if (map?.Value !== undefined) await setMapPublicIp(change, id, map.Value);
  });
  return {};
};

function refuseUnlessOff(name: string, others: object): void {
  const off = OFF_ONLY.find((one) => one === name);
  const value: unknown = Reflect.get(others, name);
  const isOff = typeof value === 'object' && Reflect.get(value!, 'Value') === false;
  const isDefault = name === 'PrivateDnsHostnameTypeOnLaunch' && value === 'ip-name';
  if ((off !== undefined && isOff) || isDefault) return;
  throw notOffered(`Modifying the subnet attribute '${name}'`);
}
