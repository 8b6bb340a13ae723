// Owns the networks of a node that is root: the host's own, which it routes itself, and one name space for each other
// VPC that has ports here. Whoever asks for a port need not know where its subnet is.

import type { InterfaceId, SubnetId } from '@ironbark/core/ids.ts';
import type { FlowWindow } from '@ironbark/protocol/internal/flow-messages.ts';
import type { SubnetIntent } from '@ironbark/protocol/internal/instance-messages.ts';
import type { VpcIntent } from '@ironbark/protocol/internal/network-messages.ts';
import { findApart, subnetsOf } from '@ironbark/protocol/internal/vpc-subnets.ts';
import type { BridgeNetwork } from './bridge-network.ts';
import type { HostNetwork, PortAttachment, PortSpec } from './host-network.ts';
import { createNetworkNames, type NetworkNames } from './network-names.ts';
import { hostPlace, type NetworkPlace } from './network-place.ts';
import { OpenSpaces, openPlace, type Space } from './open-spaces.ts';
import { withoutForeignAddresses } from './overlay-plan.ts';
import { Overlays } from './overlays.ts';
import { PeerLinks } from './peer-links.ts';
import { isPassedThrough, type Peers, planPeers } from './peering-plan.ts';
import type { PortCounters } from './port-counters.ts';
import { type Here, hasPublicAddress, PublicNeighbours } from './public-neighbours.ts';
import type { Surroundings } from './surroundings.ts';
import type { VpcNetworksOptions } from './vpc-networks-options.ts';
import { ensureVpcRoutes, type RoutedVpcs } from './vpc-routes.ts';
import { hasNewSubnets, shapeOf, withOwnSubnets } from './vpc-shape.ts';
import {
  deleteNamespace,
  ensureRouter,
  ensureRoutes,
  ensureSpace,
  findResolvers,
  listNamespaces,
  listSpaces,
  WAY_OUT,
} from './vpc-space.ts';

export async function createVpcNetworks(options: VpcNetworksOptions): Promise<HostNetwork> {
  const names = createNetworkNames(options.cloudId);
  const place = hostPlace(names, options.commands, options.hostNamespace);
  const host = await openPlace(options, names, place);
  const networks = new VpcNetworks(options, names, { network: host, place });
  await networks.takeUp(await listSpaces(place));
  return networks;
}

class VpcNetworks implements HostNetwork {
  readonly kind = 'bridge';
  readonly #options: VpcNetworksOptions;
  readonly #names: NetworkNames;
  readonly #host: BridgeNetwork;
  readonly #hostPlace: NetworkPlace;
  readonly #overlays: Overlays;
  readonly #spaces: OpenSpaces;
  readonly #peerLinks: PeerLinks;
  readonly #neighbours: PublicNeighbours;
  #vpcs: readonly VpcIntent[] = [];
  #peers: Peers = new Map();
  /** Those that the host itself routes. */
  #hostSubnets: readonly SubnetIntent[] = [];
  /** Those of them that have their bridges: no network of the host's own is in their place. */
  #bridged: readonly SubnetIntent[] = [];
  #hostShape = '';
  /** Nobody has said since this process began what is wanted. */
  #isKept = false;
  #turn: Promise<unknown> = Promise.resolve();

  constructor(
    options: VpcNetworksOptions,
    names: NetworkNames,
    host: { network: BridgeNetwork; place: NetworkPlace },
  ) {
    this.#options = options;
    this.#names = names;
    this.#host = host.network;
    this.#hostPlace = host.place;
    this.#spaces = new OpenSpaces(options, names);
    const { nodeId, clock, logger } = options;
    this.#overlays = new Overlays({ names, host: host.place, nodeId });
    this.#neighbours = new PublicNeighbours({ names, place: host.place, nodeId, clock, logger });
    this.#peerLinks = new PeerLinks({
      ...{ names, commands: options.commands },
      placeOf: (vpc) => this.#placeOf(vpc),
      mtuOf: (id) => this.#overlays.mtuOf(id),
    });
  }

  /** Ports of name spaces that an earlier process made are known from now on. */
  async takeUp(vpcIds: readonly string[]): Promise<void> {
    for (const id of vpcIds) await this.#spaces.open(id);
  }

  ensureSubnets(
    subnets: readonly SubnetIntent[],
    vpcs: readonly VpcIntent[] = [],
    how: { isKept?: boolean } = {},
  ): Promise<void> {
    return this.#inTurn(() => this.#ensureAll(subnets, vpcs, how));
  }

  async #ensureAll(
    subnets: readonly SubnetIntent[],
    vpcs: readonly VpcIntent[],
    how: { isKept?: boolean } = {},
  ): Promise<void> {
    this.#hostSubnets = withOwnSubnets(subnets, vpcs);
    this.#hear(vpcs, this.#hostSubnets);
    await this.#removeStrays();
    await this.#overlays.ensureRules();
    await this.#putHost('ensure', async () => {
      await this.#host.ensureSubnets(this.#hostSubnets, this.#surroundings());
      this.#bridged = this.#hostSubnets;
    });
    await this.#ensureHostRoutes();
    for (const vpc of this.#ownSpaced()) await this.#lookAtSpace(vpc, 'ensure');
    this.#isKept = how.isKept ?? false;
    await this.#neighbours.ensure(this.#vpcs, await this.#here(), { isKept: this.#isKept });
  }

  putVpcs(vpcs: readonly VpcIntent[]): Promise<void> {
    return this.#inTurn(async () => {
      // One that comes needs a bridge before anything leads to it.
      if (hasNewSubnets(vpcs, this.#hostSubnets)) return this.#ensureAll(this.#hostSubnets, vpcs);
      this.#hear(vpcs, this.#bridged);
      await this.#overlays.putRules();
      await this.#putHost('put');
      if (JSON.stringify(this.#hostVpcs().map((vpc) => this.#shapeOf(vpc))) !== this.#hostShape) {
        await this.#ensureHostRoutes();
      }
      for (const vpc of this.#ownSpaced()) await this.#lookAtSpace(vpc, 'put');
      this.#isKept = false;
      await this.#neighbours.put(this.#vpcs, await this.#here());
    });
  }

  async ensurePort(port: PortSpec): Promise<PortAttachment> {
    const vpc = this.#ownVpcOf(port.subnet.id);
    const attachment = await this.#bringPort(port, vpc);
    if (hasPublicAddress(this.#vpcs, port.interfaceId)) {
      await this.#inTurn(() => this.#putNeighbours());
    }
    return attachment;
  }

  async #bringPort(port: PortSpec, vpc: VpcIntent | undefined): Promise<PortAttachment> {
    if (vpc === undefined) return this.#host.ensurePort(port);
    const space = await this.#inTurn(async () => {
      const made = await this.#ensureSpace(vpc);
      made.coming += 1;
      return made;
    });
    try {
      return await space.network.ensurePort(port);
    } finally {
      space.coming -= 1;
    }
  }

  /** Frames of guests in a name space of their VPC's do not reach the host. */
  hostInterface(id: SubnetId): string | undefined {
    return this.#ownVpcOf(id) === undefined ? this.#host.hostInterface(id) : undefined;
  }

  removePort(id: InterfaceId): Promise<void> {
    if (!hasPublicAddress(this.#vpcs, id)) return this.#removePort(id);
    // Another node may have the guest from then on.
    return this.#inTurn(async () => {
      await this.#putNeighbours(id);
      await this.#removePort(id);
    });
  }

  async #removePort(id: InterfaceId): Promise<void> {
    await ((await this.#spaces.findNetworkOf(id)) ?? this.#host).removePort(id);
  }

  listPorts(): Promise<InterfaceId[]> {
    return this.#spaces.listPorts(this.#host);
  }

  takeFlows(): Promise<FlowWindow[]> {
    return this.#spaces.takeFlows(this.#host);
  }

  readCounters(): Promise<PortCounters[]> {
    return this.#spaces.readCounters(this.#host);
  }

  removeAll(): Promise<void> {
    return this.#inTurn(async () => {
      const ids = new Set([
        ...this.#spaces.list().map(([id]) => id),
        ...(await listSpaces(this.#hostPlace)),
      ]);
      for (const id of ids) await this.#removeSpace(id);
      await this.#host.endServices();
      for (const name of await listNamespaces()) {
        if (this.#names.isSpace(name)) await deleteNamespace(this.#options.commands, name);
      }
      await ensureVpcRoutes(this.#options.commands, this.#routed([]));
      await this.#overlays.removeStrays(this.#hostPlace, []);
      await this.#neighbours.ensure([], { routed: new Set(), ports: new Set() });
      await this.#host.removeAll();
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#turn;
    await this.#spaces[Symbol.asyncDispose]();
    await this.#host[Symbol.asyncDispose]();
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#turn.then(work);
    this.#turn = result.catch(() => {});
    return result;
  }

  /** Whatever the cloud says, the host's own networks stay reached as they are: only from these subnets to other nodes. */
  #hear(vpcs: readonly VpcIntent[], bridged: readonly SubnetIntent[]): void {
    this.#vpcs = withoutForeignAddresses(vpcs, this.#options.nodeId);
    const apart = new Set(this.#ownSpaced());
    const cidrs = new Map(bridged.map(({ id, cidr }) => [id, cidr]));
    this.#peers = planPeers(this.#vpcs, this.#options.nodeId);
    this.#overlays.plan(this.#vpcs, (vpc) => ({
      within: apart.has(vpc) ? undefined : vpc.subnets.flatMap(({ id }) => cidrs.get(id) ?? []),
      peers: this.#peers.get(vpc.id) ?? [],
    }));
  }

  async #putNeighbours(leaving?: InterfaceId): Promise<void> {
    await this.#neighbours.put(this.#vpcs, await this.#here(leaving), { isKept: this.#isKept });
  }

  async #here(leaving?: InterfaceId): Promise<Here> {
    const ports = new Set((await this.listPorts()).filter((id) => id !== leaving));
    return { routed: new Set(this.#hostVpcs().map(({ id }) => id)), ports };
  }

  /** VPCs of which the host routes no subnet. */
  #ownSpaced(): VpcIntent[] {
    return findApart(this.#vpcs, this.#hostSubnets);
  }

  #hostVpcs(): VpcIntent[] {
    const apart = new Set(this.#ownSpaced());
    return this.#vpcs.filter((vpc) => !apart.has(vpc));
  }

  async #ensureHostRoutes(): Promise<void> {
    const vpcs = this.#hostVpcs();
    for (const vpc of vpcs) await this.#ensurePeerLinks(vpc);
    await ensureVpcRoutes(this.#options.commands, this.#routed(vpcs));
    await this.#peerLinks.removeStrays(this.#hostPlace, vpcs, this.#peers);
    this.#hostShape = JSON.stringify(vpcs.map((vpc) => this.#shapeOf(vpc)));
  }

  async #putHost(how: 'ensure' | 'put', write?: () => Promise<void>): Promise<void> {
    const ids = this.#hostVpcs().map(({ id }) => id);
    // A VPC that has no port here any more has no way to the others either.
    if (how === 'ensure') await this.#overlays.removeStrays(this.#hostPlace, ids);
    const follow = () => this.#host.putSurroundings(this.#surroundings());
    await this.#overlays.around(ids, this.#hostPlace, { how, write: write ?? follow, follow });
  }

  #routed(vpcs: readonly VpcIntent[]): RoutedVpcs {
    return {
      ...{ vpcs, names: this.#names, overlayOf: (id) => this.#overlays.find(id) },
      peerOf: (id, peerId) => {
        const peer = this.#peers.get(id)?.find((each) => each.id === peerId);
        const way = this.#peerLinks.routeTo(id, peerId);
        return peer === undefined || way === undefined ? undefined : { peer, way };
      },
    };
  }

  /** Undefined where it has none (yet). */
  #placeOf(vpc: VpcIntent): NetworkPlace | undefined {
    if (!this.#ownSpaced().includes(vpc)) return this.#hostPlace;
    if (!this.#spaces.has(vpc.id)) return undefined;
    return this.#spaces.placeOf(vpc.id);
  }

  /** Before the routes that lead over them; those of a peer that has a way only now follow. */
  async #ensurePeerLinks(vpc: VpcIntent): Promise<void> {
    for (const peer of await this.#peerLinks.ensure(vpc, this.#peers)) {
      const space = this.#spaces.find(peer.id);
      if (space !== undefined) await this.#ensureSpaceRoutes(peer, space);
      else await ensureVpcRoutes(this.#options.commands, this.#routed(this.#hostVpcs()));
    }
  }

  async #ensureSpaceRoutes(vpc: VpcIntent, { network }: Space): Promise<void> {
    // What only passes through goes to other nodes, whatever the tables of subnets say.
    if (network.isBare) return;
    const place = { names: this.#names, commands: this.#options.commands };
    await ensureRoutes(place, this.#routed([vpc]));
  }

  #ownVpcOf(subnetId: SubnetId): VpcIntent | undefined {
    return this.#ownSpaced().find(({ subnets }) => subnets.some(({ id }) => id === subnetId));
  }

  #surroundings(): Surroundings {
    const [uplinks, overlays] = [this.#spaces.uplinks(), this.#overlays.view()];
    return { vpcs: this.#vpcs, uplinks, overlays, peers: this.#peers };
  }

  /** A place with guests has everything, one that peers' packets to other nodes go through has the way for those. */
  async #lookAtSpace(vpc: VpcIntent, how: 'ensure' | 'put'): Promise<void> {
    const space = this.#spaces.find(vpc.id);
    const passes = isPassedThrough(vpc, this.#peers, this.#options.nodeId);
    if (space === undefined) {
      if (passes) await this.#ensurePassage(vpc, 'ensure');
      return;
    }
    const hasGuests = await this.#spaces.hasGuests(space);
    if (hasGuests || !(passes || space.network.isBare)) {
      // New subnets, routes and public addresses are a matter of the whole name space, groups and ports are not.
      const isSame = how === 'put' && space.shape === this.#shapeOf(vpc);
      await (isSame ? this.#putSpace(vpc, space, 'put') : this.#ensureSpace(vpc));
      return;
    }
    if (!(passes && space.network.isBare)) await this.#removeSpace(vpc.id);
    if (passes) await this.#ensurePassage(vpc, this.#spaces.has(vpc.id) ? how : 'ensure');
  }

  async #ensurePassage(vpc: VpcIntent, how: 'ensure' | 'put'): Promise<void> {
    const space = this.#spaces.find(vpc.id) ?? (await this.#spaces.open(vpc.id));
    if (how === 'put' && space.shape === this.#shapeOf(vpc)) {
      await this.#putSpace(vpc, space, 'put', async () => {});
      return;
    }
    this.#peerLinks.distrust(vpc.id);
    await ensureRouter({ names: this.#names, commands: this.#options.commands }, vpc);
    await this.#putSpace(vpc, space, 'ensure', async () =>
      space.network.putRulesAlone(subnetsOf(vpc), await this.#insideOf()),
    );
    await this.#ensureWays(vpc, space);
  }

  async #ensureSpace(vpc: VpcIntent): Promise<Space> {
    const known = this.#spaces.find(vpc.id);
    const isNew = known === undefined || known.network.isBare;
    this.#peerLinks.distrust(vpc.id);
    await ensureSpace({ names: this.#names, commands: this.#options.commands }, vpc);
    const space = known ?? (await this.#spaces.open(vpc.id));
    space.metadata ??= await this.#options.serveMetadata?.(vpc.id, this.#names.space(vpc.id));
    await this.#putSpace(vpc, space, 'ensure', async () =>
      space.network.ensureSubnets(subnetsOf(vpc), await this.#insideOf()),
    );
    await this.#ensureWays(vpc, space);
    if (isNew) await this.#host.putSurroundings(this.#surroundings());
    return space;
  }

  /** Once the rules of its place are written. */
  async #ensureWays(vpc: VpcIntent, space: Space): Promise<void> {
    await this.#ensurePeerLinks(vpc);
    await this.#ensureSpaceRoutes(vpc, space);
    await this.#peerLinks.removeStrays(this.#placeOf(vpc)!, [vpc], this.#peers);
    space.shape = this.#shapeOf(vpc);
  }

  async #putSpace(
    { id }: VpcIntent,
    { network }: Space,
    how: 'ensure' | 'put',
    write?: () => Promise<void>,
  ): Promise<void> {
    const place = this.#spaces.placeOf(id);
    const follow = async () => {
      if (!network.isBare) await network.putSurroundings(await this.#insideOf());
    };
    await this.#overlays.around([id], place, { how, write: write ?? follow, follow });
  }

  async #insideOf(): Promise<Surroundings> {
    const resolvers = await findResolvers();
    const overlays = this.#overlays.view();
    const inside = { vpcs: this.#vpcs, wayOut: WAY_OUT, overlays, peers: this.#peers };
    return resolvers === undefined ? inside : { ...inside, resolvers };
  }

  async #removeStrays(): Promise<void> {
    const wanted = new Set<string>(this.#ownSpaced().map(({ id }) => id));
    for (const [id, { network }] of this.#spaces.list()) {
      // A port may have a guest; whoever owns it removes it first.
      if (!wanted.has(id) && (await network.listPorts()).length === 0) await this.#removeSpace(id);
    }
  }

  async #removeSpace(id: string): Promise<void> {
    await this.#spaces.remove(id);
    this.#overlays.forget(id);
    this.#peerLinks.distrust(id);
  }

  #shapeOf(vpc: VpcIntent): string {
    return shapeOf(vpc, this.#overlays, this.#peers);
  }
}
