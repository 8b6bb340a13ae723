// Owns CreateSubnet.

import type { Ec2Input } from '@ironbark/protocol/ec2/types.ts';
import { invalidCombination, notOffered, refuse, refuseParameters } from '../app/refusals.ts';
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

/** In AWS's own order. */
function refuseNative({ Ipv6Native, CidrBlock, Ipv6CidrBlock }: Ec2Input<'CreateSubnet'>): void {
  if (Ipv6Native !== true) return;
  if (Ipv6CidrBlock === undefined) {
    const message = "Either 'ipv6CidrBlock' or 'ipv6IpamPoolId' should be provided.";
    throw refuse('missing-parameter', 'request', message);
  }
  if (CidrBlock !== undefined) {
    throw invalidCombination(
      'When specifying ipv4 parameters, cidrBlock or ipv4IpamPoolId, you cannot set ipv6Native to true.',
    );
  }
  throw notOffered('A subnet without IPv4');
}

export const createSubnet: Ec2Handler<'CreateSubnet'> = async (app, context, input) => {
  refuseParameters(input, NOT_OFFERED);
  refuseNative(input);
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
