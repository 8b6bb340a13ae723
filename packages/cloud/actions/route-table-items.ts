// Owns route tables as they are shown: with the local routes, and with those that lead to what is gone as black holes.

import type { Route, RouteTable } from '@aws-sdk/client-ec2';
import type { AccountId } from '@ironbark/core/ids.ts';
import { isIpv6Text } from '@ironbark/core/ipv6.ts';
import { type Tag, TagIndex } from '../app/tags.ts';
import { listInternetGateways } from '../store/internet-gateways.ts';
import { listVpcIpv6Cidrs } from '../store/ipv6.ts';
import { listNatGateways } from '../store/nat-gateways.ts';
import { listInterfaces } from '../store/network-interfaces.ts';
import type { RouteRow, RouteTableAssociationRow, RouteTableRow } from '../store/network-schema.ts';
import { listAssociations, listRoutes, listRouteTables } from '../store/route-tables.ts';
import type { InterfaceRow } from '../store/schema.ts';
import type { Queries } from '../store/store.ts';
import { listTagsOfType } from '../store/tags.ts';
import { listPeerings } from '../store/vpc-peerings.ts';
import { listVpcCidrs } from '../store/vpcs.ts';
import { renderTags } from './render-instance.ts';

export interface RouteTableItem {
  row: RouteTableRow;
  associations: RouteTableAssociationRow[];
  routes: Route[];
  tags: readonly Tag[];
}

export async function listRouteTableItems(
  db: Queries,
  accountId: AccountId,
): Promise<RouteTableItem[]> {
  const rows = await listRouteTables(db, accountId);
  const cidrs = Map.groupBy(await listVpcCidrs(db, accountId), (one) => one.vpcId);
  const cidrs6 = Map.groupBy(await listVpcIpv6Cidrs(db, accountId), (one) => one.vpcId);
  const routes = Map.groupBy(await listRoutes(db, accountId), (one) => one.routeTableId);
  const associations = await listAssociations(db, accountId);
  const tags = new TagIndex(await listTagsOfType(db, accountId, 'route-table'));
  const living = await loadTargets(db, accountId);
  return rows.map((row) => ({
    row,
    associations: associations.filter((one) => one.routeTableId === row.id),
    routes: [
      ...(cidrs6.get(row.vpcId) ?? []).map(({ cidr }) => localRoute(cidr)),
      ...(cidrs.get(row.vpcId) ?? []).map(({ cidr }) => localRoute(cidr)),
      ...(routes.get(row.id) ?? []).map((route) => renderRoute(route, row, living)),
    ],
    tags: tags.of(row.id),
  }));
}

interface Targets {
  /** Gateways of both kinds, with the VPC that they serve now. */
  gateways: ReadonlyMap<string, string>;
  interfaces: ReadonlyMap<string, InterfaceRow>;
  /** Active ones, each with either of its VPCs. */
  peerings: ReadonlySet<string>;
}

async function loadTargets(db: Queries, accountId: AccountId): Promise<Targets> {
  const gateways = (await listInternetGateways(db, accountId)).flatMap((one) =>
    one.vpcId === null ? [] : [[one.id, one.vpcId] as const],
  );
  const nats = (await listNatGateways(db, accountId)).flatMap((one) =>
    one.deletedAt === null ? [[one.id, one.vpcId] as const] : [],
  );
  const interfaces = await listInterfaces(db, accountId);
  const peerings = (await listPeerings(db, accountId))
    .filter(({ status }) => status === 'active')
    .flatMap(({ id, vpcId, accepterVpcId }) => [`${id} ${vpcId}`, `${id} ${accepterVpcId}`]);
  return {
    gateways: new Map<string, string>([...gateways, ...nats]),
    interfaces: new Map(interfaces.map((one) => [one.id, one])),
    peerings: new Set(peerings),
  };
}

function destinationOf(cidr: string): Route {
  return isIpv6Text(cidr) ? { DestinationIpv6CidrBlock: cidr } : { DestinationCidrBlock: cidr };
}

function localRoute(cidr: string): Route {
  return {
    ...destinationOf(cidr),
    GatewayId: 'local',
    Origin: 'CreateRouteTable',
    State: 'active',
  };
}

function renderRoute(
  { destination, targetId }: RouteRow,
  { vpcId }: RouteTableRow,
  { gateways, interfaces, peerings }: Targets,
): Route {
  const shape = { ...destinationOf(destination), Origin: 'CreateRoute' } as const;
  if (targetId.startsWith('eigw-')) {
    return { ...shape, EgressOnlyInternetGatewayId: targetId, State: 'blackhole' };
  }
  // By IPv6 nothing leads out of a VPC.
  const isOut = gateways.get(targetId) === vpcId && !isIpv6Text(destination);
  const State = isOut ? 'active' : 'blackhole';
  if (targetId.startsWith('igw-')) return { ...shape, GatewayId: targetId, State };
  if (targetId.startsWith('nat-')) return { ...shape, NatGatewayId: targetId, State };
  if (targetId.startsWith('pcx-')) {
    const isActive = peerings.has(`${targetId} ${vpcId}`);
    return { ...shape, VpcPeeringConnectionId: targetId, State: isActive ? 'active' : 'blackhole' };
  }
  const own = interfaces.get(targetId);
  const instance =
    own === undefined || own.instanceId === ''
      ? undefined
      : { InstanceId: own.instanceId, InstanceOwnerId: own.accountId };
  return {
    ...shape,
    NetworkInterfaceId: targetId,
    ...instance,
    State: instance === undefined ? 'blackhole' : 'active',
  };
}

export function renderRouteTable({ row, associations, routes, tags }: RouteTableItem): RouteTable {
  return {
    RouteTableId: row.id,
    VpcId: row.vpcId,
    OwnerId: row.accountId,
    Routes: routes,
    Associations: associations.map(({ id, subnetId, routeTableId }) => ({
      RouteTableAssociationId: id,
      RouteTableId: routeTableId,
      Main: subnetId === null,
      ...(subnetId === null ? {} : { SubnetId: subnetId }),
      AssociationState: { State: 'associated' },
    })),
    PropagatingVgws: [],
    Tags: renderTags(tags),
  };
}
