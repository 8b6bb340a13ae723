// Owns DeleteRoute.

import { changeFor } from '../app/change.ts';
import { parseId, ROUTE_TABLE } from '../app/resource-ids.ts';
import { parseDestination, removeRoute } from '../app/routes.ts';
import type { Ec2Handler } from './handler.ts';

export const deleteRoute: Ec2Handler<'DeleteRoute'> = async (app, context, input) => {
  const routeTableId = parseId(ROUTE_TABLE, input.RouteTableId, 'RouteTableId');
  const destination = parseDestination(input);
  await changeFor(app, context, (change) =>
    removeRoute(context, change, { routeTableId, destination }),
  );
  return {};
};
