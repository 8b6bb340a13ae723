// Owns DisassociateRouteTable.

import { changeFor } from '../app/change.ts';
import { parseId, ROUTE_TABLE_ASSOCIATION } from '../app/resource-ids.ts';
import { disassociateRouteTable as disassociate } from '../app/route-tables.ts';
import type { Ec2Handler } from './handler.ts';

export const disassociateRouteTable: Ec2Handler<'DisassociateRouteTable'> = async (
  app,
  context,
  input,
) => {
  const id = parseId(ROUTE_TABLE_ASSOCIATION, input.AssociationId, 'AssociationId');
  await changeFor(app, context, (change) => disassociate(context, change, id));
  return {};
};
