// Owns the ways between the places of two VPCs on one node: a pair of interfaces for each peering, one end in each place.
// They have no addresses; what goes over them the route tables of the subnets and the rules of both places say. An end
// is up once the rules of its own place know it, not before.

import { STORAGE_MTU } from '@ironbark/core/io-profile.ts';
import type { Commands } from '@ironbark/platform/commands.ts';
import type { VpcIntent } from '@ironbark/protocol/internal/network-messages.ts';
import { findLink, listLinks, ROUTER_ADDRESS, removeLink, runIp } from './links.ts';
import type { NetworkNames } from './network-names.ts';
import { type NetworkPlace, putSettings } from './network-place.ts';
import type { Peers } from './peering-plan.ts';
import { listNamespaces } from './vpc-space.ts';

/** Where packets to a peer go next; its end answers to it without having it. */
const NEXT_HOP = '169.254.128.0';

export interface PeerLinksOptions {
  names: NetworkNames;
  /** On the host. */
  commands: Commands;
  /** Where a VPC is routed; undefined: nowhere here, yet. */
  placeOf: (vpc: VpcIntent) => NetworkPlace | undefined;
  /** Of the interface to a VPC's ports on other nodes, if there is one. */
  mtuOf: (vpcId: string) => number | undefined;
}

export class PeerLinks {
  readonly #options: PeerLinksOptions;
  /** Ends that are up, by name. */
  readonly #raised = new Set<string>();
  /** By VPC, the ends in its place that the rules there know. */
  readonly #ruled = new Map<string, ReadonlySet<string>>();

  constructor(options: PeerLinksOptions) {
    this.#options = options;
  }

  /** How a packet of the one gets to the other; undefined where there is no way. */
  routeTo(vpcId: string, peerId: string): string | undefined {
    const link = this.#options.names.peerLink(vpcId, peerId);
    return this.#raised.has(link) ? `via ${NEXT_HOP} dev ${link} onlink` : undefined;
  }

  /** Whatever its place's rules said, nobody knows now: its ends stay down until {@link ensure} is called for it. */
  distrust(vpcId: string): void {
    this.#ruled.delete(vpcId);
  }

  /**
   * Makes or repairs the ways of a VPC, with a look at the kernel. Call it once the rules of its place are written for these
   * peers. Answers the peers that have a way to it since now.
   */
  async ensure(vpc: VpcIntent, peers: Peers): Promise<VpcIntent[]> {
    const own = this.#options.placeOf(vpc);
    if (own === undefined) return [];
    const links = (peers.get(vpc.id) ?? []).map(({ id }) =>
      this.#options.names.peerLink(vpc.id, id),
    );
    this.#ruled.set(vpc.id, new Set(links));
    const changed: VpcIntent[] = [];
    // One that was deleted by hand is made again in its turn, and its ways with it.
    const there = await listNamespaces();
    for (const peer of peers.get(vpc.id) ?? []) {
      const other = this.#options.placeOf(peer);
      if (!isThere(other, there)) {
        // This end went with the other: no route may name it until both are made.
        this.#raised.delete(this.#options.names.peerLink(vpc.id, peer.id));
        continue;
      }
      const isNew = await this.#ensureOne([vpc, own], [peer, other]);
      if (isNew) changed.push(peer);
    }
    return changed;
  }

  /** Ends in a place that lead to nobody any more. Call it once no route is over them. */
  async removeStrays(place: NetworkPlace, vpcs: readonly VpcIntent[], peers: Peers): Promise<void> {
    const { names } = this.#options;
    const wanted = new Set(
      vpcs.flatMap(({ id }) => (peers.get(id) ?? []).map((peer) => names.peerLink(id, peer.id))),
    );
    for (const { name } of await listLinks(place.commands)) {
      if (!names.isPeerLink(name) || wanted.has(name)) continue;
      await removeLink(place.commands, name);
      this.#raised.delete(name);
    }
  }

  async #ensureOne(
    [vpc, own]: [VpcIntent, NetworkPlace],
    [peer, other]: [VpcIntent, NetworkPlace],
  ): Promise<boolean> {
    const { names, commands, mtuOf } = this.#options;
    const [near, far] = [names.peerLink(vpc.id, peer.id), names.peerLink(peer.id, vpc.id)];
    const ends = [
      { name: near, across: far, place: own, leadsTo: peer },
      { name: far, across: near, place: other, leadsTo: vpc },
    ] as const;
    // Who has sent more than the way to another node takes hears of it in its own VPC.
    const mtu = Math.min(mtuOf(vpc.id) ?? STORAGE_MTU, mtuOf(peer.id) ?? STORAGE_MTU);
    const found = [await findLink(own.commands, near), await findLink(other.commands, far)];
    const isWhole = found.every((link) => link !== undefined);
    if (!isWhole) await make(names, commands, ends);
    const isKnown = isWhole && this.#raised.has(far);
    const isRuled = this.#ruled.get(peer.id)?.has(far) === true;
    if (!isWhole) this.#raised.delete(far);
    for (const end of isRuled ? ends : ends.slice(0, 1)) {
      await raise(names, end, mtu);
      this.#raised.add(end.name);
    }
    return isRuled && !isKnown;
  }
}

function isThere(
  place: NetworkPlace | undefined,
  namespaces: readonly string[],
): place is NetworkPlace {
  if (place === undefined) return false;
  return place.namespace === undefined || namespaces.includes(place.namespace);
}

interface End {
  name: string;
  /** The other end's. */
  across: string;
  place: NetworkPlace;
  leadsTo: VpcIntent;
}

/** Of a pair of which one end is gone the other is, too; what has the name of one is no pair's. */
async function make(
  names: NetworkNames,
  commands: Commands,
  ends: readonly [End, End],
): Promise<void> {
  for (const { place, name } of ends) await removeLink(place.commands, name);
  const [near, far] = ends.map(({ name, place }) => {
    const inside = place.namespace === undefined ? '' : ` netns ${place.namespace}`;
    return `name ${name} address ${names.mac(name)}${inside}`;
  });
  await runIp(commands, [`link add ${near} type veth peer ${far}`]);
}

async function raise(
  names: NetworkNames,
  { name, across, place, leadsTo }: End,
  mtu: number,
): Promise<void> {
  await putSettings(place, {
    [`ipv6/conf/${name}/disable_ipv6`]: '1',
    [`ipv4/conf/${name}/send_redirects`]: '0',
    // Only the tables of the subnets know the way back; whose addresses may come the rules say.
    [`ipv4/conf/${name}/rp_filter`]: '0',
    [`ipv4/conf/${name}/arp_ignore`]: '8',
  });
  await runIp(place.commands, [
    `link set dev ${name} mtu ${mtu}`,
    `link set dev ${name} alias ${leadsTo.id} up`,
    `address replace ${ROUTER_ADDRESS} dev ${name}`,
    `neigh replace ${NEXT_HOP} lladdr ${names.mac(across)} dev ${name} nud permanent`,
  ]);
}
