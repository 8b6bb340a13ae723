// Owns which VPCs of a node reach each other over a peering: those of which each names the other, and one has guests
// here. What only one side says is not so, or not any more.

import type { NodeId } from '@ironbark/core/ids.ts';
import { type Cidr, cidrContains, parseCidr, renderCidr } from '@ironbark/core/ipv4.ts';
import { isIpv6Text } from '@ironbark/core/ipv6.ts';
import type {
  RouteIntent,
  SubnetNetworkIntent,
  VpcIntent,
} from '@ironbark/protocol/internal/network-messages.ts';
import { normalCidr } from './group-match.ts';
import type { NetworkNames } from './network-names.ts';

/** By VPC, those that it is peered with. */
export type Peers = ReadonlyMap<string, readonly VpcIntent[]>;

/** `nodeId`: of this node. Between two VPCs without guests here nothing goes here: a packet changes VPCs where it comes from. */
export function planPeers(vpcs: readonly VpcIntent[], nodeId?: NodeId): Peers {
  const known = new Map<string, VpcIntent>(vpcs.map((vpc) => [vpc.id, vpc]));
  const all = vpcs.flatMap((vpc) => {
    const peers = (vpc.peers ?? []).flatMap((id) => known.get(id) ?? []);
    const hasGuests = peers.length > 0 && hasPortOn(vpc, nodeId);
    const both = peers.filter(
      (peer) => peer !== vpc && arePeered(vpc, peer) && (hasGuests || hasPortOn(peer, nodeId)),
    );
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
  /** Senders, and networks of the place's own VPC from which no way leads back to them over this one. */
  notBack?: readonly NotBack[];
}

export interface NotBack {
  from: string;
  /** Parts of it to which there is a way back. */
  except: readonly string[];
  to: string;
}

export function peerRulesOf(
  vpc: VpcIntent,
  peers: Peers | undefined,
  names: Pick<NetworkNames, 'peerLink'>,
): PeerRules[] {
  const all = peers?.get(vpc.id) ?? [];
  return all.map((peer) => {
    const notBack = sharedBlocks(peer, all).flatMap((block) =>
      vpc.subnets.flatMap((subnet) => withoutWayBack(block, subnet, peer)),
    );
    return {
      link: names.peerLink(vpc.id, peer.id),
      own: vpc.cidrs.map(normalCidr),
      theirs: peer.cidrs.map(normalCidr),
      ...(notBack.length === 0 ? {} : { notBack }),
    };
  });
}

/** What another peer of the same VPC has, too. */
function sharedBlocks(peer: VpcIntent, all: readonly VpcIntent[]): Cidr[] {
  const blocksOf = ({ cidrs }: VpcIntent) => cidrs.map((cidr) => parseCidr(cidr)!);
  const others = all.filter((other) => other !== peer).flatMap(blocksOf);
  return blocksOf(peer).flatMap((own) =>
    others.flatMap((other) => {
      if (cidrContains(own, other)) return [other];
      return cidrContains(other, own) ? [own] : [];
    }),
  );
}

/**
 * Two peers with the same addresses are told apart by where the subnet's routes lead: who would not get the answers sends
 * nothing there, so that in a place no flow of the one is taken for one of the other.
 */
function withoutWayBack(block: Cidr, subnet: SubnetNetworkIntent, peer: VpcIntent): NotBack[] {
  const routes = subnet.routes
    .filter(({ destination }) => !isIpv6Text(destination))
    .map(({ destination, target }) => {
      const leadsBack = target.kind === 'peering' && target.vpcId === peer.id;
      return { network: parseCidr(destination)!, leadsBack };
    });
  const within = routes.filter(({ network }) => isWithin(block, network));
  const around = routes
    .filter(({ network }) => cidrContains(network, block))
    .toSorted((a, b) => b.network.prefix - a.network.prefix);
  const parts = [{ network: block, leadsBack: around[0]?.leadsBack === true }, ...within];
  return parts
    .filter(({ leadsBack }) => !leadsBack)
    .map(({ network }) => ({
      from: renderCidr(network),
      except: within
        .filter((one) => one.leadsBack && isWithin(network, one.network))
        .map((one) => renderCidr(one.network)),
      to: normalCidr(subnet.cidr),
    }));
}

/** And not all of it. */
function isWithin(whole: Cidr, part: Cidr): boolean {
  return part.prefix > whole.prefix && cidrContains(whole, part);
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
