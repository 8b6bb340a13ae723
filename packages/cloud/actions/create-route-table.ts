// Owns CreateRouteTable.

import type { RouteTableId } from '@ironbark/core/ids.ts';
import { makeOnce } from '../app/client-tokens.ts';
import { parseId, VPC } from '../app/resource-ids.ts';
import { createRouteTable as makeTable } from '../app/route-tables.ts';
import { parseTagSpecifications } from '../app/tags.ts';
import { changeNetwork } from '../app/vpc-capability.ts';
import type { Ec2Handler } from './handler.ts';
import { listRouteTableItems, renderRouteTable } from './route-table-items.ts';

export const createRouteTable: Ec2Handler<'CreateRouteTable'> = async (app, context, input) => {
  const vpcId = parseId(VPC, input.VpcId, 'VpcId');
  const { 'route-table': tags } = parseTagSpecifications(input.TagSpecifications, ['route-table']);
  const call = { action: 'CreateRouteTable', token: input.ClientToken, parameters: input };
  return changeNetwork(app, context, async (change) => {
    const [id] = await makeOnce<RouteTableId>(change, context, call, async () => {
      return [(await makeTable(app, context, change, { vpcId, tags })).id];
    });
    const items = await listRouteTableItems(change.tx, context.accountId);
    const item = items.find(({ row }) => row.id === id);
    return {
      ...(item === undefined ? {} : { RouteTable: renderRouteTable(item) }),
      ClientToken: input.ClientToken,
    };
  });
};
