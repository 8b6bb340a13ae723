// Owns which VPCs of a node reach each other over a peering: those of which each names the other. What only one side
// says is not so, or not any more.

import type { NodeId } from '@ironbark/core/ids.ts';
import { cidrContains, parseCidr } from '@ironbark/core/ipv4.ts';
import type { RouteIntent, VpcIntent } from '@ironbark/protocol/internal/network-messages.ts';
import { normalCidr } from './group-match.ts';
import type { NetworkNames } from './network-names.ts';

/** By VPC, those that it is peered with. */
export type Peers = ReadonlyMap<string, readonly VpcIntent[]>;

export function planPeers(vpcs: readonly VpcIntent[]): Peers {
  const known = new Map<string, VpcIntent>(vpcs.map((vpc) => [vpc.id, vpc]));
  const all = vpcs.flatMap((vpc) => {
    const peers = (vpc.peers ?? []).flatMap((id) => known.get(id) ?? []);
    const both = peers.filter((peer) => peer !== vpc && arePeered(vpc, peer));
    return both.length === 0 ? [] : [[vpc.id, both] as const];
  });
  return new Map(all);
}

/** Without subnets there is nobody to reach, and no rules on what comes. */
function arePeered(vpc: VpcIntent, peer: VpcIntent): boolean {
  const isTold = vpc.peers?.includes(peer.id) === true && peer.peers?.includes(vpc.id) === true;
  return isTold && vpc.subnets.length > 0 && peer.subnets.length > 0;
}

/** What guests here send to those of a peer on another node goes out from the peer's place on this one. */
export function isPassedThrough(
  { id }: VpcIntent,
  peers: Peers,
  nodeId: NodeId | undefined,
): boolean {
  return (peers.get(id) ?? []).some((peer) => hasPortOn(peer, nodeId));
}

/** Of a node that has no name every port is. */
function hasPortOn({ ports }: VpcIntent, nodeId: NodeId | undefined): boolean {
  return nodeId === undefined ? ports.length > 0 : ports.some((port) => port.nodeId === nodeId);
}

/** One end of a way between two VPCs, in the words of the rules. */
export interface PeerRules {
  link: string;
  /** Networks of the VPC whose place it is in. */
  own: readonly string[];
  theirs: readonly string[];
}

export function peerRulesOf(
  { id, cidrs }: VpcIntent,
  peers: Peers | undefined,
  names: Pick<NetworkNames, 'peerLink'>,
): PeerRules[] {
  return (peers?.get(id) ?? []).map((peer) => ({
    link: names.peerLink(id, peer.id),
    own: cidrs.map(normalCidr),
    theirs: peer.cidrs.map(normalCidr),
  }));
}

/** All that the route is for is the peer's. */
export function isOfPeer({ destination }: RouteIntent, peer: VpcIntent): boolean {
  const wanted = parseCidr(destination)!;
  return peer.cidrs.some((cidr) => cidrContains(parseCidr(cidr)!, wanted));
}

/**
 * The peer's networks within a route that is for more than them. Where a more specific one of the table's other routes is
 * for such a network, that one goes before.
 */
export function peerNetworksIn(
  { destination }: RouteIntent,
  routes: readonly RouteIntent[],
  peer: VpcIntent,
): string[] {
  const wanted = parseCidr(destination)!;
  const nearer = routes
    .map((route) => parseCidr(route.destination)!)
    .filter(({ prefix }) => prefix > wanted.prefix);
  return peer.cidrs
    .filter((cidr) => {
      const block = parseCidr(cidr)!;
      if (block.prefix <= wanted.prefix || !cidrContains(wanted, block)) return false;
      return !nearer.some((other) => cidrContains(other, block));
    })
    .map(normalCidr);
}
