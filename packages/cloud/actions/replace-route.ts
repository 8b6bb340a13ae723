// Owns ReplaceRoute.

import { parseId, ROUTE_TABLE } from '../app/resource-ids.ts';
import { parseDestination, replaceRoute as replaceOne } from '../app/routes.ts';
import { changeNetwork } from '../app/vpc-capability.ts';
import type { Ec2Handler } from './handler.ts';

export const replaceRoute: Ec2Handler<'ReplaceRoute'> = async (app, context, input) => {
  const routeTableId = parseId(ROUTE_TABLE, input.RouteTableId, 'RouteTableId');
  const destination = parseDestination(input);
  await changeNetwork(app, context, (change) =>
    replaceOne(context, change, { routeTableId, destination, target: input }),
  );
  return {};
};
