// Owns what is said of routes by IPv6: between subnets of a VPC there is always a way, and out of it there is none, so
// that one through a gateway is a black hole from the start.

import {
  cidr6Contains,
  isIpv6Text,
  parseBlock6,
  parseCidr6,
  renderCidr6,
} from '@ironbark/core/ipv6.ts';
import { listEgressOnlyGateways, listIpv6CidrsOf } from '../store/ipv6.ts';
import type { RouteRow, RouteTableRow } from '../store/network-schema.ts';
import type { Queries } from '../store/store.ts';
import { invalidValue, notOffered, refuse } from './refusals.ts';
import { EGRESS_ONLY_GATEWAY, matchIds, parseId } from './resource-ids.ts';

const PARAMETER = 'destinationIpv6CidrBlock';

export function parseDestination6(text: string): string {
  const cidr = parseCidr6(text);
  if (cidr !== undefined) return renderCidr6(cidr);
  throw invalidValue(PARAMETER, text.slice(0, 64), 'This is not a valid IPv6 CIDR block.');
}

/** Of the route table's own VPC. */
export async function findEgressOnly(
  tx: Queries,
  table: RouteTableRow,
  text: string,
): Promise<RouteRow['targetId']> {
  const id = parseId(EGRESS_ONLY_GATEWAY, text, 'EgressOnlyInternetGatewayId');
  const known = await listEgressOnlyGateways(tx, table.accountId);
  const [gateway] = matchIds(EGRESS_ONLY_GATEWAY, [id], known);
  if (gateway!.vpcId === table.vpcId) return id;
  throw refuse(
    'invalid-parameter',
    'request',
    `route table ${table.id} and ${id} belong to different networks`,
  );
}

/** A gateway is of one family, but for the internet's. */
export function checkTargetFamily(destination: string, targetId: RouteRow['targetId']): void {
  const isEgressOnly = targetId.startsWith('eigw-');
  if (!isIpv6Text(destination)) {
    if (!isEgressOnly) return;
    throw invalidValue('egressOnlyInternetGatewayId', targetId, 'It is for IPv6 traffic alone.');
  }
  if (isEgressOnly || targetId.startsWith('igw-')) return;
  throw notOffered('A route by IPv6 to anything but a gateway of the internet');
}

export async function isLocal6(
  tx: Queries,
  { vpcId }: RouteTableRow,
  destination: string,
): Promise<boolean> {
  return (await listIpv6CidrsOf(tx, vpcId)).some(({ cidr }) => cidr === destination);
}

/** What is inside the VPC stays there. */
export async function checkDestination6(
  tx: Queries,
  { vpcId }: RouteTableRow,
  destination: string,
): Promise<void> {
  const wanted = parseBlock6(destination)!;
  const blocks = await listIpv6CidrsOf(tx, vpcId);
  if (!blocks.some(({ cidr }) => cidr6Contains(parseBlock6(cidr)!, wanted))) return;
  throw invalidValue(
    PARAMETER,
    destination,
    `The destination CIDR block ${destination} is equal to or more specific than one of this VPC's CIDR blocks.`,
  );
}
