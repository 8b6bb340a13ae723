// Owns ReplaceRouteTableAssociation.

import { parseId, ROUTE_TABLE, ROUTE_TABLE_ASSOCIATION } from '../app/resource-ids.ts';
import { replaceAssociation } from '../app/route-tables.ts';
import { changeNetwork } from '../app/vpc-capability.ts';
import type { Ec2Handler } from './handler.ts';

export const replaceRouteTableAssociation: Ec2Handler<'ReplaceRouteTableAssociation'> = async (
  app,
  context,
  input,
) => {
  const id = parseId(ROUTE_TABLE_ASSOCIATION, input.AssociationId, 'AssociationId');
  const routeTableId = parseId(ROUTE_TABLE, input.RouteTableId, 'RouteTableId');
  const NewAssociationId = await changeNetwork(app, context, (change) =>
    replaceAssociation(app, context, change, { id, routeTableId }),
  );
  return { NewAssociationId, AssociationState: { State: 'associated' } };
};
