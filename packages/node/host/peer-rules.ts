// Owns what may go over a peering: from guests of the one VPC to guests of the other, under their own addresses. Nothing
// goes on from there: not to a third VPC, not out, not to the host, and nothing from elsewhere goes over it.

import type { PeerRules } from './peering-plan.ts';
import type { SubnetRules } from './subnet-facts.ts';

/** The ends of ways to peers, each once. */
export function peerLinksOf(subnets: readonly SubnetRules[]): string[] {
  return [...new Set(subnets.flatMap(({ peers = [] }) => peers.map(({ link }) => link)))];
}

/** Of what is forwarded. */
export function betweenPeers(subnets: readonly SubnetRules[]): string[] {
  const links = new Map<string, PeerRules>(
    subnets.flatMap(({ peers = [] }) => peers.map((peer) => [peer.link, peer] as const)),
  );
  return [...links.values()].flatMap((peer) => {
    const owners = subnets.filter(({ peers = [] }) => peers.some(({ link }) => link === peer.link));
    const bridges = owners.map(({ bridge }) => bridge);
    const overlays = new Set(owners.flatMap(({ overlay }) => overlay ?? []));
    const [from, to] = [`iifname "${peer.link}"`, `oifname "${peer.link}"`];
    return [
      // Its guests on other nodes are reached from here, as those on this one are.
      `${from} oifname != ${named([...bridges, ...overlays])} drop`,
      `${from} ip saddr != ${listed(peer.theirs)} drop`,
      `${from} ip daddr != ${listed(peer.own)} drop`,
      // What comes from another node is over the peering already.
      `${to} iifname != ${named(bridges)} drop`,
      `${to} ip saddr != ${listed(peer.own)} drop`,
      `${to} ip daddr != ${listed(peer.theirs)} drop`,
    ];
  });
}

function named(interfaces: readonly string[]): string {
  return `{ ${interfaces.map((name) => `"${name}"`).join(', ')} }`;
}

function listed(cidrs: readonly string[]): string {
  return `{ ${cidrs.join(', ')} }`;
}
