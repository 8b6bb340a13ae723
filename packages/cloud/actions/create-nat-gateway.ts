// Owns CreateNatGateway: one in a subnet, with an elastic address.

import type { NatGatewayId } from '@ironbark/core/ids.ts';
import { makeOnce } from '../app/client-tokens.ts';
import { getNatGateway, createNatGateway as makeNat } from '../app/nat-gateways.ts';
import { missingParameter, notOffered, refuseParameters } from '../app/refusals.ts';
import { ALLOCATION, parseId, SUBNET } from '../app/resource-ids.ts';
import { parseTagSpecifications } from '../app/tags.ts';
import { changeNetwork } from '../app/vpc-capability.ts';
import type { Ec2Handler } from './handler.ts';
import { renderNat } from './render-nat.ts';

const NOT_OFFERED = [
  'VpcId',
  'AvailabilityZoneAddresses',
  'SecondaryAllocationIds',
  'SecondaryPrivateIpAddresses',
  'SecondaryPrivateIpAddressCount',
];

export const createNatGateway: Ec2Handler<'CreateNatGateway'> = async (app, context, input) => {
  refuseParameters(input, NOT_OFFERED);
  const { ConnectivityType = 'public', AvailabilityMode = 'zonal' } = input;
  if (ConnectivityType !== 'public') throw notOffered('A private NAT gateway');
  if (AvailabilityMode !== 'zonal') throw notOffered('A regional NAT gateway');
  if (input.AllocationId === undefined) throw missingParameter('AllocationId');
  const { natgateway: tags } = parseTagSpecifications(input.TagSpecifications, ['natgateway']);
  const wish = {
    subnetId: parseId(SUBNET, input.SubnetId, 'SubnetId'),
    allocationId: parseId(ALLOCATION, input.AllocationId, 'AllocationId'),
    privateIp: input.PrivateIpAddress,
    tags,
  };
  const call = { action: 'CreateNatGateway', token: input.ClientToken, parameters: input };
  return changeNetwork(app, context, async (change) => {
    const [id] = await makeOnce<NatGatewayId>(change, context, call, async () => [
      await makeNat(app, context, change, wish),
    ]);
    const row = await getNatGateway(change.tx, context.accountId, id!);
    const NatGateway = { ...renderNat({ row, tags }), State: 'pending' as const };
    return { NatGateway, ClientToken: input.ClientToken };
  });
};
