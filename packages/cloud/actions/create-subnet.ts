// Owns CreateSubnet.

import { notOffered, refuseParameters } from '../app/refusals.ts';
import { parseId, VPC } from '../app/resource-ids.ts';
import { createSubnet as makeSubnet, parseZone } from '../app/subnets.ts';
import { parseTagSpecifications } from '../app/tags.ts';
import { changeNetwork } from '../app/vpc-capability.ts';
import type { Ec2Handler } from './handler.ts';
import { renderSubnet } from './render-subnet.ts';

const NOT_OFFERED = [
  'Ipv6CidrBlock',
  'OutpostArn',
  'Ipv4IpamPoolId',
  'Ipv4NetmaskLength',
  'Ipv6IpamPoolId',
  'Ipv6NetmaskLength',
];

export const createSubnet: Ec2Handler<'CreateSubnet'> = async (app, context, input) => {
  refuseParameters(input, NOT_OFFERED);
  if (input.Ipv6Native === true) throw notOffered('IPv6');
  const { subnet: tags } = parseTagSpecifications(input.TagSpecifications, ['subnet']);
  const vpcId = parseId(VPC, input.VpcId, 'VpcId');
  const wish = { vpcId, cidrBlock: input.CidrBlock, zone: parseZone(app, input), tags };
  const row = await changeNetwork(app, context, (change) => makeSubnet(app, context, change, wish));
  return { Subnet: renderSubnet({ row, tags, used: 0 }, app.region) };
};
