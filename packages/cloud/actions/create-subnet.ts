// Owns CreateSubnet.

import { notOffered, refuseParameters } from '../app/refusals.ts';
import { parseId, VPC } from '../app/resource-ids.ts';
import { createSubnet as makeSubnet, parseZone } from '../app/subnets.ts';
import { parseTagSpecifications } from '../app/tags.ts';
import { changeNetwork } from '../app/vpc-capability.ts';
import { findIpv6CidrOfSubnet } from '../store/ipv6.ts';
import type { Ec2Handler } from './handler.ts';
import { renderSubnet } from './render-subnet.ts';

const NOT_OFFERED = [
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
  const { CidrBlock: cidrBlock, Ipv6CidrBlock: ipv6CidrBlock } = input;
  const wish = { vpcId, cidrBlock, ipv6CidrBlock, zone: parseZone(app, input), tags };
  return changeNetwork(app, context, async (change) => {
    const row = await makeSubnet(app, context, change, wish);
    const ipv6 = await findIpv6CidrOfSubnet(change.tx, row.id);
    return { Subnet: renderSubnet({ row, ipv6, tags, used: 0 }, app.region) };
  });
};
