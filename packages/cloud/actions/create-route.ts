// Owns CreateRoute.

import { parseId, ROUTE_TABLE } from '../app/resource-ids.ts';
import { createRoute as createOne, parseDestination } from '../app/routes.ts';
import { changeNetwork } from '../app/vpc-capability.ts';
import type { Ec2Handler } from './handler.ts';

export const createRoute: Ec2Handler<'CreateRoute'> = async (app, context, input) => {
  const routeTableId = parseId(ROUTE_TABLE, input.RouteTableId, 'RouteTableId');
  const destination = parseDestination(input);
  await changeNetwork(app, context, (change) =>
    createOne(context, change, { routeTableId, destination, target: input }),
  );
  return { Return: true };
};
