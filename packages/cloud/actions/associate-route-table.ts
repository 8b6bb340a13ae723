// Owns AssociateRouteTable.

import { refuseParameters } from '../app/refusals.ts';
import { parseId, ROUTE_TABLE, SUBNET } from '../app/resource-ids.ts';
import { associateRouteTable as associate } from '../app/route-tables.ts';
import { changeNetwork } from '../app/vpc-capability.ts';
import type { Ec2Handler } from './handler.ts';

export const associateRouteTable: Ec2Handler<'AssociateRouteTable'> = async (
  app,
  context,
  input,
) => {
  refuseParameters(input, ['GatewayId', 'PublicIpv4Pool'], 'Use SubnetId.');
  const routeTableId = parseId(ROUTE_TABLE, input.RouteTableId, 'RouteTableId');
  const subnetId = parseId(SUBNET, input.SubnetId, 'SubnetId');
  const id = await changeNetwork(app, context, (change) =>
    associate(app, context, change, { routeTableId, subnetId }),
  );
  return { AssociationId: id, AssociationState: { State: 'associated' } };
};
