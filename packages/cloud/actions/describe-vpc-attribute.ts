// Owns DescribeVpcAttribute.

import type { Ec2Output } from '@ironbark/protocol/ec2/types.ts';
import { getVpc } from '../app/find-vpc.ts';
import { parseId, VPC } from '../app/resource-ids.ts';
import type { VpcRow } from '../store/schema.ts';
import type { Ec2Handler } from './handler.ts';

type Output = Ec2Output<'DescribeVpcAttribute'>;

const ATTRIBUTES: Readonly<Record<string, (row: VpcRow) => Output>> = {
  enableDnsSupport: (row) => ({ EnableDnsSupport: { Value: row.enableDnsSupport === 1 } }),
  enableDnsHostnames: (row) => ({ EnableDnsHostnames: { Value: row.enableDnsHostnames === 1 } }),
  enableNetworkAddressUsageMetrics: () => ({ EnableNetworkAddressUsageMetrics: { Value: false } }),
};

export const describeVpcAttribute: Ec2Handler<'DescribeVpcAttribute'> = async (
  app,
  context,
  input,
) => {
  const id = parseId(VPC, input.VpcId, 'VpcId');
  const row = await getVpc(app.store.query, context.accountId, id);
  return { VpcId: id, ...ATTRIBUTES[input.Attribute]?.(row) };
};
