// Owns what may go over a peering: from guests of the one VPC to guests of the other, under their own addresses. Nothing
// goes on from there: not to a third VPC, not out, not to the host, and nothing from elsewhere goes over it. Over a way
// that the rules do not name, because it comes or goes, nothing goes at all.

import type { NotBack, PeerRules } from './peering-plan.ts';
import type { SubnetRules } from './subnet-facts.ts';

/** The ends of ways to peers, each once. */
export function peerLinksOf(subnets: readonly SubnetRules[]): string[] {
  return [...new Set(subnets.flatMap(({ peers = [] }) => peers.map(({ link }) => link)))];
}

/** Of what is forwarded. `anyLink`: a pattern of all such ways of the cloud, whether the rules name them or not. */
export function betweenPeers(subnets: readonly SubnetRules[], anyLink?: string): string[] {
  const links = new Map<string, PeerRules>(
    subnets.flatMap(({ peers = [] }) => peers.map((peer) => [peer.link, peer] as const)),
  );
  const known = [...links.values()].flatMap((peer) => {
    const owners = subnets.filter(({ peers = [] }) => peers.some(({ link }) => link === peer.link));
    const bridges = owners.map(({ bridge }) => bridge);
    const overlays = new Set(owners.flatMap(({ overlay }) => overlay ?? []));
    const [from, to] = [`iifname "${peer.link}"`, `oifname "${peer.link}"`];
    return [
      // Its guests on other nodes are reached from here, as those on this one are.
      `${from} oifname != ${named([...bridges, ...overlays])} drop`,
      `${from} ip saddr != ${listed(peer.theirs)} drop`,
      `${from} ip daddr != ${listed(peer.own)} drop`,
      ...(peer.notBack ?? []).map((one) => `${from} ${fromThere(one)} drop`),
      // What comes from another node is over the peering already.
      `${to} iifname != ${named(bridges)} drop`,
      `${to} ip saddr != ${listed(peer.own)} drop`,
      `${to} ip daddr != ${listed(peer.theirs)} drop`,
    ];
  });
  return [...known, ...overUnknown([...links.keys()], anyLink)];
}

function fromThere({ from, except, to }: NotBack): string {
  const others = except.length === 0 ? '' : ` ip saddr != ${listed(except)}`;
  return `ip daddr ${to} ip saddr ${from}${others}`;
}

function overUnknown(links: readonly string[], anyLink: string | undefined): string[] {
  if (anyLink === undefined) return [];
  return ['iifname', 'oifname'].map((end) => {
    const others = links.length === 0 ? '' : ` ${end} != ${named(links)}`;
    return `${end} "${anyLink}"${others} drop`;
  });
}

function named(interfaces: readonly string[]): string {
  return `{ ${interfaces.map((name) => `"${name}"`).join(', ')} }`;
}

function listed(cidrs: readonly string[]): string {
  return `{ ${cidrs.join(', ')} }`;
}
