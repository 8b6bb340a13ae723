// Owns DescribeVpcAttribute: guests have a name server, and private names resolve.

import type { Ec2Output } from '@ironbark/protocol/ec2/types.ts';
import { matchIds, parseId, VPC } from '../app/resource-ids.ts';
import { listVpcs } from '../store/networks.ts';
import type { Ec2Handler } from './handler.ts';

type Output = Ec2Output<'DescribeVpcAttribute'>;

const ATTRIBUTES: Readonly<Record<string, Output>> = {
  enableDnsSupport: { EnableDnsSupport: { Value: true } },
  enableDnsHostnames: { EnableDnsHostnames: { Value: false } },
  enableNetworkAddressUsageMetrics: { EnableNetworkAddressUsageMetrics: { Value: false } },
};

export const describeVpcAttribute: Ec2Handler<'DescribeVpcAttribute'> = async (
  app,
  context,
  input,
) => {
  const id = parseId(VPC, input.VpcId, 'VpcId');
  matchIds(VPC, [id], await listVpcs(app.store.query, context.accountId));
  return { VpcId: id, ...ATTRIBUTES[input.Attribute] };
};
