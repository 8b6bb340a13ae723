// Owns the rules of single routes: where they lead, and that local ones are the VPC's own.

import type {
  AccountId,
  InstanceId,
  RouteTableId,
  VpcPeeringConnectionId,
} from '@ironbark/core/ids.ts';
import { type Cidr, cidrContains, parseBlock, parseCidr, renderCidr } from '@ironbark/core/ipv4.ts';
import { isIpv6Text } from '@ironbark/core/ipv6.ts';
import { listInternetGateways } from '../store/internet-gateways.ts';
import { listNatGateways } from '../store/nat-gateways.ts';
import { findInterface, listInterfacesOf } from '../store/network-interfaces.ts';
import type { RouteRow, RouteTableRow } from '../store/network-schema.ts';
import { deleteRoute, listRoutesOf, putRoute } from '../store/route-tables.ts';
import type { Queries } from '../store/store.ts';
import { listCidrsOf } from '../store/vpcs.ts';
import type { Caller, Change } from './change.ts';
import { getInstance } from './instances.ts';
import {
  checkDestination6,
  checkTargetFamily,
  findEgressOnly,
  isLocal6,
  parseDestination6,
} from './ipv6-routes.ts';
import { peeringStateOf } from './peering-view.ts';
import {
  invalidCombination,
  invalidValue,
  missingParameter,
  notFound,
  notOffered,
  refuse,
  refuseParameters,
} from './refusals.ts';
import {
  INSTANCE,
  INTERFACE,
  INTERNET_GATEWAY,
  matchIds,
  NAT_GATEWAY,
  parseId,
  VPC_PEERING,
} from './resource-ids.ts';
import { getRouteTable } from './route-tables.ts';
import { touchVpc } from './vpc-changes.ts';
import { getPeering } from './vpc-peerings.ts';

/** "Amazon VPC quotas": routes per route table, raised. */
const MAX_ROUTES = 500;

export interface RouteWish {
  routeTableId: RouteTableId;
  destination: string;
  target: RouteTargetInput;
}

export interface RouteTargetInput {
  GatewayId?: string | undefined;
  NatGatewayId?: string | undefined;
  NetworkInterfaceId?: string | undefined;
  InstanceId?: string | undefined;
  VpcPeeringConnectionId?: string | undefined;
  EgressOnlyInternetGatewayId?: string | undefined;
}

const TARGETS = [
  'GatewayId',
  'NatGatewayId',
  'NetworkInterfaceId',
  'InstanceId',
  'VpcPeeringConnectionId',
  'EgressOnlyInternetGatewayId',
] as const;

const NOT_OFFERED = [
  'DestinationPrefixListId',
  'VpcEndpointId',
  'TransitGatewayId',
  'LocalGatewayId',
  'CarrierGatewayId',
  'CoreNetworkArn',
  'OdbNetworkArn',
];

export interface DestinationInput {
  DestinationCidrBlock?: string | undefined;
  DestinationIpv6CidrBlock?: string | undefined;
}

export function parseDestination(input: DestinationInput): string {
  refuseParameters(input, NOT_OFFERED);
  const { DestinationCidrBlock: text, DestinationIpv6CidrBlock: text6 } = input;
  if (text !== undefined && text6 !== undefined) {
    throw invalidCombination('Give one destination, of IPv4 or of IPv6.');
  }
  if (text6 !== undefined) return parseDestination6(text6);
  if (text === undefined) throw missingParameter('destinationCidrBlock');
  const cidr = text.includes('/') ? parseCidr(text) : undefined;
  if (cidr !== undefined) return renderCidr(cidr);
  throw invalidValue('destinationCidrBlock', text.slice(0, 64), 'This is not a valid CIDR block.');
}

/** Exactly one, of the route table's own VPC. */
async function findTarget(
  change: Change,
  caller: Caller,
  table: RouteTableRow,
  target: RouteTargetInput,
): Promise<RouteRow['targetId']> {
  const { tx } = change;
  const given = TARGETS.filter((name) => target[name] !== undefined);
  if (given.length === 0)
    throw missingParameter('gatewayId, natGatewayId, networkInterfaceId or vpcPeeringConnectionId');
  if (given.length > 1) throw invalidCombination(`Give one target, not ${given.join(' and ')}.`);
  const { GatewayId, NatGatewayId, NetworkInterfaceId, VpcPeeringConnectionId } = target;
  const { EgressOnlyInternetGatewayId } = target;
  if (EgressOnlyInternetGatewayId !== undefined) {
    return findEgressOnly(tx, table, EgressOnlyInternetGatewayId);
  }
  if (GatewayId !== undefined) return findGateway(tx, table, GatewayId);
  if (NatGatewayId !== undefined) return findNat(tx, caller.accountId, table, NatGatewayId);
  if (NetworkInterfaceId !== undefined) {
    const id = parseId(INTERFACE, NetworkInterfaceId, 'NetworkInterfaceId');
    const row = await findInterface(tx, id);
    if (row?.accountId !== caller.accountId) {
      throw notFound('network-interface', INTERFACE.label, [id]);
    }
    if (row.vpcId !== table.vpcId) throw differentNetworks(table, id);
    return id;
  }
  if (VpcPeeringConnectionId !== undefined) {
    const id = parseId(VPC_PEERING, VpcPeeringConnectionId, 'VpcPeeringConnectionId');
    return findPeering(change, caller, table, id);
  }
  return findInterfaceOf(tx, caller, table, parseId(INSTANCE, target.InstanceId, 'InstanceId'));
}

async function findGateway(tx: Queries, table: RouteTableRow, text: string) {
  if (text === 'local') throw notOffered('Changing a local route');
  const id = parseId(INTERNET_GATEWAY, text, 'GatewayId');
  const gateways = await listInternetGateways(tx, table.accountId);
  const gateway = gateways.find((one) => one.id === id);
  if (gateway === undefined) throw notFound('gateway', 'gateway ID', [id]);
  if (gateway.vpcId === table.vpcId) return id;
  throw differentNetworks(table, `network gateway ${id}`);
}

async function findNat(tx: Queries, accountId: AccountId, table: RouteTableRow, text: string) {
  const id = parseId(NAT_GATEWAY, text, 'NatGatewayId');
  const living = (await listNatGateways(tx, accountId)).filter((row) => row.deletedAt === null);
  const [nat] = matchIds(NAT_GATEWAY, [id], living);
  if (living.find((row) => row.id === nat!.id)!.vpcId !== table.vpcId) {
    throw differentNetworks(table, id);
  }
  return id;
}

/** One that nobody has accepted yet is a black hole; one that has ended is not there. */
async function findPeering(
  change: Change,
  { accountId }: Caller,
  table: RouteTableRow,
  id: VpcPeeringConnectionId,
) {
  const row = await getPeering(change, accountId, id);
  const state = peeringStateOf(row, change.nowMs);
  if (state !== 'active' && state !== 'pending-acceptance') {
    throw notFound('vpc-peering-connection', VPC_PEERING.label, [id]);
  }
  if (row.vpcId === table.vpcId || row.accepterVpcId === table.vpcId) return id;
  throw differentNetworks(table, id);
}

async function findInterfaceOf(tx: Queries, caller: Caller, table: RouteTableRow, id: InstanceId) {
  await getInstance(tx, caller, id);
  const [first, second] = await listInterfacesOf(tx, id);
  if (first === undefined || second !== undefined) {
    throw invalidValue(
      'instanceId',
      id,
      'There are not exactly one interface. Name the interface.',
    );
  }
  if (first.vpcId !== table.vpcId) throw differentNetworks(table, id);
  return first.id;
}

function differentNetworks({ id }: RouteTableRow, other: string): Error {
  return refuse(
    'invalid-parameter',
    'request',
    `route table ${id} and ${other} belong to different networks`,
  );
}

/** What the VPC's own blocks say cannot be said otherwise, and a part of them only of an interface. */
async function checkDestination(
  tx: Queries,
  table: RouteTableRow,
  destination: string,
  targetId: RouteRow['targetId'],
): Promise<void> {
  checkTargetFamily(destination, targetId);
  if (isIpv6Text(destination)) return checkDestination6(tx, table, destination);
  const wanted = parseBlock(destination) as Cidr;
  for (const { cidr } of await listCidrsOf(tx, table.vpcId)) {
    if (cidr === destination) throw alreadyExists(destination);
    const isInside = cidrContains(parseBlock(cidr)!, wanted);
    if (!isInside || targetId.startsWith('eni-')) continue;
    throw invalidValue(
      'destinationCidrBlock',
      destination,
      `The destination CIDR block ${destination} is equal to or more specific than one of this VPC's CIDR blocks. Such a route can lead to a network interface.`,
    );
  }
}

function alreadyExists(destination: string): Error {
  return refuse('duplicate', 'route', `The route identified by ${destination} already exists.`);
}

export async function createRoute(
  caller: Caller,
  change: Change,
  { routeTableId, destination, target }: RouteWish,
): Promise<void> {
  const { tx } = change;
  const table = await getRouteTable(tx, caller.accountId, routeTableId);
  const targetId = await findTarget(change, caller, table, target);
  await checkDestination(tx, table, destination, targetId);
  const routes = await listRoutesOf(tx, routeTableId);
  const same = routes.find((route) => route.destination === destination);
  // The same route again is the same route: AWS's clients retry.
  if (same !== undefined && same.targetId !== targetId) throw alreadyExists(destination);
  if (routes.length >= MAX_ROUTES) {
    throw refuse('limit-exceeded', 'route', `A route table can have ${MAX_ROUTES} routes.`);
  }
  await putRoute(tx, { routeTableId, destination, targetId });
  await touchVpc(change, table.vpcId);
}

export async function replaceRoute(
  caller: Caller,
  change: Change,
  { routeTableId, destination, target }: RouteWish,
): Promise<void> {
  const { tx } = change;
  const table = await getRouteTable(tx, caller.accountId, routeTableId);
  await getRoute(tx, table, destination);
  const targetId = await findTarget(change, caller, table, target);
  await checkDestination(tx, table, destination, targetId);
  await putRoute(tx, { routeTableId, destination, targetId });
  await touchVpc(change, table.vpcId);
}

export async function removeRoute(
  { accountId }: Caller,
  change: Change,
  { routeTableId, destination }: Omit<RouteWish, 'target'>,
): Promise<void> {
  const { tx } = change;
  const table = await getRouteTable(tx, accountId, routeTableId);
  const isLocal = (await listCidrsOf(tx, table.vpcId)).some(({ cidr }) => cidr === destination);
  if (isLocal || (await isLocal6(tx, table, destination))) {
    throw invalidValue(
      'destinationCidrBlock',
      destination,
      `cannot remove local route ${destination} in route table ${routeTableId}`,
    );
  }
  await getRoute(tx, table, destination);
  await deleteRoute(tx, { routeTableId, destination });
  await touchVpc(change, table.vpcId);
}

async function getRoute(tx: Queries, { id }: RouteTableRow, destination: string): Promise<void> {
  const routes = await listRoutesOf(tx, id);
  if (routes.some((route) => route.destination === destination)) return;
  throw refuse(
    'not-found',
    'route',
    `no route with destination-cidr-block ${destination} in route table ${id}`,
  );
}
