// Owns CreateVpc: any private block, also one that another VPC has.

import { getVpc } from '../app/find-vpc.ts';
import { notOffered, refuseParameters } from '../app/refusals.ts';
import { parseTagSpecifications } from '../app/tags.ts';
import { changeNetwork } from '../app/vpc-capability.ts';
import { createVpc as makeVpc } from '../app/vpcs.ts';
import { listCidrsOf } from '../store/vpcs.ts';
import type { Ec2Handler } from './handler.ts';
import { renderVpc } from './render-vpc.ts';

const NOT_OFFERED = [
  'Ipv6Pool',
  'Ipv6CidrBlock',
  'Ipv4IpamPoolId',
  'Ipv4NetmaskLength',
  'Ipv6IpamPoolId',
  'Ipv6NetmaskLength',
  'Ipv6CidrBlockNetworkBorderGroup',
  'VpcEncryptionControl',
];

export const createVpc: Ec2Handler<'CreateVpc'> = async (app, context, input) => {
  refuseParameters(input, NOT_OFFERED);
  if (input.AmazonProvidedIpv6CidrBlock === true) throw notOffered('IPv6');
  const { InstanceTenancy = 'default' } = input;
  if (InstanceTenancy !== 'default') throw notOffered(`Tenancy '${InstanceTenancy}'`);
  const { vpc: tags } = parseTagSpecifications(input.TagSpecifications, ['vpc']);
  const wish = { cidrBlock: input.CidrBlock, tags };
  return changeNetwork(app, context, async (change) => {
    const id = await makeVpc(app, context, change, wish);
    const row = await getVpc(change.tx, context.accountId, id);
    const cidrs = await listCidrsOf(change.tx, id);
    return { Vpc: { ...renderVpc({ row, cidrs, tags }), State: 'pending' } };
  });
};
