// Owns DeleteRouteTable.

import { changeFor } from '../app/change.ts';
import { parseId, ROUTE_TABLE } from '../app/resource-ids.ts';
import { removeRouteTable } from '../app/route-tables.ts';
import type { Ec2Handler } from './handler.ts';

export const deleteRouteTable: Ec2Handler<'DeleteRouteTable'> = async (app, context, input) => {
  const id = parseId(ROUTE_TABLE, input.RouteTableId, 'RouteTableId');
  await changeFor(app, context, (change) => removeRouteTable(context, change, id));
  return {};
};
