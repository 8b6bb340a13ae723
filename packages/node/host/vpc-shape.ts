// Owns what of a VPC is a matter of its whole place: subnets, routes, ways and public addresses, but not who is in which group.

import { cidrContains, cidrsOverlap, parseCidr } from '@ironbark/core/ipv4.ts';
import type { SubnetIntent } from '@ironbark/protocol/internal/instance-messages.ts';
import type { VpcIntent } from '@ironbark/protocol/internal/network-messages.ts';
import { findApart, subnetsOf } from '@ironbark/protocol/internal/vpc-subnets.ts';
import { nextNodeOf } from './overlay-plan.ts';
import type { Overlays } from './overlays.ts';
import type { Peers } from './peering-plan.ts';

/** The same text as long as nothing of it is different. */
export function shapeOf(vpc: VpcIntent, overlays: Pick<Overlays, 'find'>, all: Peers): string {
  const { id, subnets, cidrs, dhcp, hasDns, ports } = vpc;
  const publicIps = ports.flatMap((port) => port.publicIps);
  // Routes lead to routers, and those may be on other nodes or move to one.
  const routers = ports.filter((port) => !port.checksSource);
  const nextNodes = routers.map((port) => nextNodeOf(overlays.find(id), port) ?? null);
  const hasOverlay = overlays.find(id) !== undefined;
  const peers = (all.get(id) ?? []).map((peer) => [peer.id, peer.cidrs]);
  return JSON.stringify({ subnets, cidrs, dhcp, hasDns, publicIps, nextNodes, hasOverlay, peers });
}

export function hasNewSubnets(vpcs: readonly VpcIntent[], known: readonly SubnetIntent[]): boolean {
  const ids = new Set(known.map(({ id }) => id));
  const apart = new Set(findApart(vpcs, known));
  const isNew = vpcs.some((vpc) => !apart.has(vpc) && vpc.subnets.some(({ id }) => !ids.has(id)));
  return isNew && withOwnSubnets(known, vpcs).length > known.length;
}

/** A VPC that the host routes may have more subnets than it was told of, as long as they are nobody else's. */
export function withOwnSubnets(
  subnets: readonly SubnetIntent[],
  vpcs: readonly VpcIntent[],
): SubnetIntent[] {
  const apart = new Set(findApart(vpcs, subnets));
  const all = [...subnets];
  const blocks = subnets.map(({ vpcCidr }) => parseCidr(vpcCidr)!);
  for (const subnet of vpcs.filter((vpc) => !apart.has(vpc)).flatMap(subnetsOf)) {
    const block = parseCidr(subnet.cidr)!;
    const isTaken = all.some(({ cidr }) => cidrsOverlap(parseCidr(cidr)!, block));
    // Beyond the cloud's own block may be the host's other networks.
    const isInside = blocks.some((whole) => cidrContains(whole, block));
    if (!isTaken && isInside) all.push(subnet);
  }
  return all;
}
