// Owns ModifyVpcAttribute: one attribute at a time, as in EC2. Of EnableDnsHostnames nothing follows (docs/guides/network.md):
// there is no public zone for names. It is taken, as clients set it for each VPC and look whether it stays.

import { getVpc } from '../app/find-vpc.ts';
import { invalidCombination, missingParameter, notOffered } from '../app/refusals.ts';
import { parseId, VPC } from '../app/resource-ids.ts';
import { changeNetwork } from '../app/vpc-capability.ts';
import { touchVpc } from '../app/vpc-changes.ts';
import { toFlag } from '../store/schema.ts';
import { updateVpc } from '../store/vpcs.ts';
import type { Ec2Handler } from './handler.ts';

export const modifyVpcAttribute: Ec2Handler<'ModifyVpcAttribute'> = async (app, context, input) => {
  const id = parseId(VPC, input.VpcId, 'VpcId');
  const { EnableDnsSupport: support, EnableDnsHostnames: hostnames } = input;
  const metrics = input.EnableNetworkAddressUsageMetrics;
  const given = [support, hostnames, metrics].filter((one) => one !== undefined);
  if (given.length === 0) throw missingParameter('EnableDnsSupport or EnableDnsHostnames');
  if (given.length > 1) {
    throw invalidCombination(
      'Fields for multiple attribute types specified; modify one at a time.',
    );
  }
  if (metrics?.Value === true) throw notOffered('EnableNetworkAddressUsageMetrics');
  await changeNetwork(app, context, async (change) => {
    await getVpc(change.tx, context.accountId, id);
    if (support?.Value !== undefined) {
      await updateVpc(change.tx, id, { enableDnsSupport: toFlag(support.Value) });
    }
    if (hostnames?.Value !== undefined) {
      await updateVpc(change.tx, id, { enableDnsHostnames: toFlag(hostnames.Value) });
    }
    await touchVpc(change, id);
  });
  return {};
};
