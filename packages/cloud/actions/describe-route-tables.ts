// Owns DescribeRouteTables.

import type { Route } from '@aws-sdk/client-ec2';
import type { FilterTable } from '../app/filters.ts';
import { notFound } from '../app/refusals.ts';
import { parseIds, ROUTE_TABLE } from '../app/resource-ids.ts';
import type { Ec2Handler } from './handler.ts';
import { listRouteTableItems, type RouteTableItem, renderRouteTable } from './route-table-items.ts';
import { selectPage } from './select-page.ts';

const ofRoutes =
  (read: (route: Route) => string | undefined) =>
  ({ routes }: RouteTableItem) =>
    routes.map(read);

const FILTERS: FilterTable<RouteTableItem> = {
  names: {
    'association.gateway-id': () => undefined,
    'association.main': ({ associations }) => associations.map((one) => one.subnetId === null),
    'association.route-table-association-id': ({ associations }) =>
      associations.map((one) => one.id),
    'association.route-table-id': ({ associations }) => associations.map((one) => one.routeTableId),
    'association.subnet-id': ({ associations }) =>
      associations.map((one) => one.subnetId ?? undefined),
    'owner-id': ({ row }) => row.accountId,
    'route-table-id': ({ row }) => row.id,
    'route.destination-cidr-block': ofRoutes((route) => route.DestinationCidrBlock),
    'route.destination-ipv6-cidr-block': ofRoutes((route) => route.DestinationIpv6CidrBlock),
    'route.destination-prefix-list-id': () => undefined,
    'route.egress-only-internet-gateway-id': ofRoutes((route) => route.EgressOnlyInternetGatewayId),
    'route.gateway-id': ofRoutes((route) => route.GatewayId),
    'route.instance-id': ofRoutes((route) => route.InstanceId),
    'route.nat-gateway-id': ofRoutes((route) => route.NatGatewayId),
    'route.origin': ofRoutes((route) => route.Origin),
    'route.state': ofRoutes((route) => route.State),
    'route.transit-gateway-id': () => undefined,
    'route.vpc-peering-connection-id': ofRoutes((route) => route.VpcPeeringConnectionId),
    'vpc-id': ({ row }) => row.vpcId,
  },
  tags: ({ tags }) => tags,
};

export const describeRouteTables: Ec2Handler<'DescribeRouteTables'> = async (
  app,
  context,
  input,
) => {
  const ids = parseIds(ROUTE_TABLE, input.RouteTableIds, 'RouteTableId');
  const all = await listRouteTableItems(app.store.query, context.accountId);
  const absent = ids.filter((id) => !all.some(({ row }) => row.id === id));
  if (absent.length > 0) throw notFound('route-table', ROUTE_TABLE.label, absent);
  const { items, nextToken } = selectPage(
    ids.length === 0 ? all : all.filter(({ row }) => ids.includes(row.id)),
    input,
    {
      action: 'DescribeRouteTables',
      idsParameter: 'routeTableIds',
      table: FILTERS,
      sortKey: ({ row }) => row.id,
      maxResults: 100,
    },
    ids,
  );
  return { RouteTables: items.map(renderRouteTable), NextToken: nextToken };
};
