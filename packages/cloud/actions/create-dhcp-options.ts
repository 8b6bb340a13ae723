// Owns CreateDhcpOptions.

import { createOptions, parseConfigurations } from '../app/dhcp-options.ts';
import { parseTagSpecifications } from '../app/tags.ts';
import { changeNetwork } from '../app/vpc-capability.ts';
import { listOptionsItems, renderOptions } from './dhcp-options-items.ts';
import type { Ec2Handler } from './handler.ts';

export const createDhcpOptions: Ec2Handler<'CreateDhcpOptions'> = async (app, context, input) => {
  const configurations = parseConfigurations(input.DhcpConfigurations);
  const { 'dhcp-options': tags } = parseTagSpecifications(input.TagSpecifications, [
    'dhcp-options',
  ]);
  return changeNetwork(app, context, async (change) => {
    const id = await createOptions(app, context, change, { configurations, tags });
    const items = await listOptionsItems(change.tx, context.accountId);
    return { DhcpOptions: renderOptions(items.find(({ row }) => row.id === id)!) };
  });
};
