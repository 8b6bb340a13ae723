// Owns AssociateDhcpOptions. `default` is the cloud's own: a domain of the region, and the gateway as name server.

import { associateOptions } from '../app/dhcp-options.ts';
import { DHCP_OPTIONS, parseId, VPC } from '../app/resource-ids.ts';
import { changeNetwork } from '../app/vpc-capability.ts';
import type { Ec2Handler } from './handler.ts';

export const associateDhcpOptions: Ec2Handler<'AssociateDhcpOptions'> = async (
  app,
  context,
  input,
) => {
  const { DhcpOptionsId } = input;
  const isDefault = DhcpOptionsId === 'default';
  const id = isDefault ? null : parseId(DHCP_OPTIONS, DhcpOptionsId, 'DhcpOptionsId');
  const vpcId = parseId(VPC, input.VpcId, 'VpcId');
  await changeNetwork(app, context, (change) => associateOptions(context, change, { id, vpcId }));
  return {};
};
