// Owns ModifySubnetAttribute: one attribute at a time, as in EC2.

import { setAssignsIpv6 } from '../app/ipv6-blocks.ts';
import { invalidCombination, missingParameter, notOffered } from '../app/refusals.ts';
import { parseId, SUBNET } from '../app/resource-ids.ts';
import { getSubnet, setMapPublicIp } from '../app/subnets.ts';
import { changeNetwork } from '../app/vpc-capability.ts';
import type { Ec2Handler } from './handler.ts';

/** Off they are anyway. */
const OFF_ONLY = [
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
  const { SubnetId: _id, MapPublicIpOnLaunch: map, ...rest } = input;
  const { AssignIpv6AddressOnCreation: assign, ...others } = rest;
  const own = [map, assign].filter((one) => one !== undefined).length;
  const given = Object.entries(others).filter(([, value]) => value !== undefined);
  if (given.length + own > 1) {
    throw invalidCombination(
      'Fields for multiple attribute types specified; modify one at a time.',
    );
  }
  for (const [name] of given) refuseUnlessOff(name, others);
  if (own + given.length === 0) throw missingParameter('MapPublicIpOnLaunch');
  await changeNetwork(app, context, async (change) => {
    const row = await getSubnet(change, context, id);
    if (map?.Value !== undefined) await setMapPublicIp(change, id, map.Value);
    if (assign?.Value !== undefined) await setAssignsIpv6(change, row, assign.Value);
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
