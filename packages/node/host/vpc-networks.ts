// Owns the networks of a node that is root: the host's own, which it routes itself, and one name space for each other
// VPC that has ports here. Whoever asks for a port need not know where its subnet is.

import { rm } from 'node:fs/promises';
import type { InterfaceId, SubnetId } from '@ironbark/core/ids.ts';
import type { FlowWindow } from '@ironbark/protocol/internal/flow-messages.ts';
import type { SubnetIntent } from '@ironbark/protocol/internal/instance-messages.ts';
import type { VpcIntent } from '@ironbark/protocol/internal/network-messages.ts';
import { findApart, subnetsOf } from '@ironbark/protocol/internal/vpc-subnets.ts';
import { type BridgeNetwork, openBridgeNetwork } from './bridge-network.ts';
import type { HostNetwork, PortAttachment, PortSpec } from './host-network.ts';
import { createNetworkNames, type NetworkNames } from './network-names.ts';
import { hostPlace, type NetworkPlace, vpcPlace } from './network-place.ts';
import { withoutForeignAddresses } from './overlay-plan.ts';
import { Overlays } from './overlays.ts';
import { PeerLinks } from './peer-links.ts';
import { isPassedThrough, type Peers, planPeers } from './peering-plan.ts';
import { type PortCounters, readPortCounters } from './port-counters.ts';
import {
  ensurePublicNeighbours,
  type PublicAddresses,
  planPublicAddresses,
} from './public-neighbours.ts';
import type { Surroundings } from './surroundings.ts';
import type { VpcNetworksOptions } from './vpc-networks-options.ts';
import { ensureVpcRoutes, type RoutedVpcs } from './vpc-routes.ts';
import { hasNewSubnets, shapeOf, withOwnSubnets } from './vpc-shape.ts';
import {
  deleteNamespace,
  ensureRoutes,
  ensureSpace,
  findResolvers,
  listNamespaces,
  listSpaces,
  removeSpace,
  WAY_OUT,
} from './vpc-space.ts';

interface Space {
  network: BridgeNetwork;
  metadata: AsyncDisposable | undefined;
  /** What it was built for: subnets, routes and addresses, but not who is in which group. */
  shape: string | undefined;
}

export async function createVpcNetworks(options: VpcNetworksOptions): Promise<HostNetwork> {
  const names = createNetworkNames(options.cloudId);
  const place = hostPlace(names, options.commands, options.hostNamespace);
  const host = await openPlace(options, names, place);
  const networks = new VpcNetworks(options, names, { network: host, place });
  await networks.takeUp(await listSpaces(place));
  return networks;
}

function openPlace(
  options: VpcNetworksOptions,
  names: NetworkNames,
  place: NetworkPlace,
): Promise<BridgeNetwork> {
  return openBridgeNetwork({ ...options, names, place });
}

class VpcNetworks implements HostNetwork {
  readonly kind = 'bridge';
  readonly #options: VpcNetworksOptions;
  readonly #names: NetworkNames;
  readonly #host: BridgeNetwork;
  readonly #hostPlace: NetworkPlace;
  readonly #overlays: Overlays;
  readonly #spaces = new Map<string, Space>();
  readonly #peerLinks: PeerLinks;
  #vpcs: readonly VpcIntent[] = [];
  #peers: Peers = new Map();
  /** Those that the host itself routes. */
  #hostSubnets: readonly SubnetIntent[] = [];
  /** Those of them that have their bridges: no network of the host's own is in their place. */
  #bridged: readonly SubnetIntent[] = [];
  #hostShape = '';
  #publicShape = '';
  /** Of places that are gone. */
  readonly #lastFlows: FlowWindow[] = [];
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
    this.#overlays = new Overlays({ names, host: host.place, nodeId: options.nodeId });
    this.#peerLinks = new PeerLinks({
      ...{ names, commands: options.commands },
      placeOf: (vpc) => this.#placeOf(vpc),
      mtuOf: (id) => this.#overlays.mtuOf(id),
    });
  }

  /** Ports of name spaces that an earlier process made are known from now on. */
  async takeUp(vpcIds: readonly string[]): Promise<void> {
    for (const id of vpcIds) {
      const place = vpcPlace(this.#names, id, this.#options.commands);
      const network = await openPlace(this.#options, this.#names, place);
      this.#spaces.set(id, { network, metadata: undefined, shape: undefined });
    }
  }

  ensureSubnets(subnets: readonly SubnetIntent[], vpcs: readonly VpcIntent[] = []): Promise<void> {
    return this.#inTurn(() => this.#ensureAll(subnets, vpcs));
  }

  async #ensureAll(subnets: readonly SubnetIntent[], vpcs: readonly VpcIntent[]): Promise<void> {
    this.#hostSubnets = withOwnSubnets(subnets, vpcs);
    this.#hear(vpcs, this.#hostSubnets);
    await this.#removeStrays();
    await this.#overlays.ensureRules();
    await this.#putHost('ensure', async () => {
      await this.#host.ensureSubnets(this.#hostSubnets, this.#surroundings());
      this.#bridged = this.#hostSubnets;
    });
    await this.#ensureHostRoutes();
    for (const vpc of this.#ownSpaced()) {
      await this.#ensureSpace(vpc, { isNeeded: this.#isPassedThrough(vpc) });
    }
    await this.#ensurePublicNeighbours();
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
      for (const vpc of this.#ownSpaced()) await this.#changeSpace(vpc);
      const { underlayAddress, addresses } = this.#publicAddresses();
      const shape = JSON.stringify([underlayAddress, ...addresses]);
      if (shape !== this.#publicShape) await this.#ensurePublicNeighbours();
    });
  }

  async ensurePort(port: PortSpec): Promise<PortAttachment> {
    const vpc = this.#ownVpcOf(port.subnet.id);
    if (vpc === undefined) return this.#host.ensurePort(port);
    const space = await this.#inTurn(() => this.#ensureSpace(vpc, { isNeeded: true }));
    return space!.network.ensurePort(port);
  }

  /** Frames of guests in a name space of their VPC's do not reach the host. */
  hostInterface(id: SubnetId): string | undefined {
    return this.#ownVpcOf(id) === undefined ? this.#host.hostInterface(id) : undefined;
  }

  async removePort(id: InterfaceId): Promise<void> {
    for (const { network } of this.#spaces.values()) {
      if ((await network.listPorts()).includes(id)) return network.removePort(id);
    }
    return this.#host.removePort(id);
  }

  async listPorts(): Promise<InterfaceId[]> {
    return (await Promise.all(this.#networks().map((network) => network.listPorts()))).flat();
  }

  async takeFlows(): Promise<FlowWindow[]> {
    const taken = await Promise.all(this.#networks().map((network) => network.takeFlows()));
    return [...this.#lastFlows.splice(0), ...taken.flat()];
  }

  #networks(): BridgeNetwork[] {
    return [this.#host, ...[...this.#spaces.values()].map(({ network }) => network)];
  }

  async readCounters(): Promise<PortCounters[]> {
    const { commands } = this.#options;
    const spaces = [...this.#spaces].map(([id, { network }]) => ({
      commands: vpcPlace(this.#names, id, commands).commands,
      network,
    }));
    const places = [{ commands, network: this.#host }, ...spaces];
    const counted = places.map(async (place) =>
      readPortCounters(place.commands, await place.network.listPorts(), this.#names),
    );
    return (await Promise.all(counted)).flat();
  }

  removeAll(): Promise<void> {
    return this.#inTurn(async () => {
      const ids = new Set([...this.#spaces.keys(), ...(await listSpaces(this.#hostPlace))]);
      for (const id of ids) await this.#removeSpace(id);
      await this.#host.endServices();
      for (const name of await listNamespaces()) {
        if (this.#names.isSpace(name)) await deleteNamespace(this.#options.commands, name);
      }
      await ensureVpcRoutes(this.#options.commands, this.#routed([]));
      await this.#overlays.removeStrays(this.#hostPlace, []);
      const none = { underlayAddress: undefined, addresses: new Map() };
      await ensurePublicNeighbours(this.#hostPlace, this.#names, none, this.#options.logger);
      await this.#host.removeAll();
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#turn;
    for (const { metadata, network } of this.#spaces.values()) {
      await metadata?.[Symbol.asyncDispose]();
      await network[Symbol.asyncDispose]();
    }
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
    this.#peers = planPeers(this.#vpcs);
    this.#overlays.plan(this.#vpcs, (vpc) => ({
      within: apart.has(vpc) ? undefined : vpc.subnets.flatMap(({ id }) => cidrs.get(id) ?? []),
      peers: this.#peers.get(vpc.id) ?? [],
    }));
  }

  #publicAddresses(): PublicAddresses {
    const routed = new Set<string>(this.#hostVpcs().map(({ id }) => id));
    return planPublicAddresses(this.#vpcs, this.#options.nodeId, { names: this.#names, routed });
  }

  async #ensurePublicNeighbours(): Promise<void> {
    const wanted = this.#publicAddresses();
    await ensurePublicNeighbours(this.#hostPlace, this.#names, wanted, this.#options.logger);
    this.#publicShape = JSON.stringify([wanted.underlayAddress, ...wanted.addresses]);
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
    return vpcPlace(this.#names, vpc.id, this.#options.commands);
  }

  #isPassedThrough(vpc: VpcIntent): boolean {
    return isPassedThrough(vpc, this.#peers, this.#options.nodeId);
  }

  /** Before the routes that lead over them; those of a peer that has a way only now follow. */
  async #ensurePeerLinks(vpc: VpcIntent): Promise<void> {
    for (const peer of await this.#peerLinks.ensure(vpc, this.#peers)) {
      if (this.#spaces.has(peer.id)) await this.#ensureSpaceRoutes(peer);
      else await ensureVpcRoutes(this.#options.commands, this.#routed(this.#hostVpcs()));
    }
  }

  async #ensureSpaceRoutes(vpc: VpcIntent): Promise<void> {
    const { commands } = this.#options;
    await ensureRoutes({ names: this.#names, commands }, this.#routed([vpc]));
  }

  #ownVpcOf(subnetId: SubnetId): VpcIntent | undefined {
    return this.#ownSpaced().find(({ subnets }) => subnets.some(({ id }) => id === subnetId));
  }

  #surroundings(): Surroundings {
    const uplinks = [...this.#spaces.keys()].map((id) => this.#names.uplink(id));
    const overlays = this.#overlays.view();
    return { vpcs: this.#vpcs, uplinks, overlays, peers: this.#peers };
  }

  /** Undefined when the VPC has no port here and needs none. */
  async #ensureSpace(vpc: VpcIntent, { isNeeded = false } = {}): Promise<Space | undefined> {
    const known = this.#spaces.get(vpc.id);
    if (known === undefined && !isNeeded) return undefined;
    await ensureSpace({ names: this.#names, commands: this.#options.commands }, vpc);
    const space = known ?? (await this.#openSpace(vpc));
    space.metadata ??= await this.#options.serveMetadata?.(vpc.id, this.#names.space(vpc.id));
    await this.#putSpace(vpc, space, 'ensure', async () =>
      space.network.ensureSubnets(subnetsOf(vpc), await this.#insideOf()),
    );
    await this.#ensurePeerLinks(vpc);
    await this.#ensureSpaceRoutes(vpc);
    await this.#peerLinks.removeStrays(this.#placeOf(vpc)!, [vpc], this.#peers);
    space.shape = this.#shapeOf(vpc);
    if (known === undefined) await this.#host.putSurroundings(this.#surroundings());
    return space;
  }

  async #putSpace(
    { id }: VpcIntent,
    { network }: Space,
    how: 'ensure' | 'put',
    write?: () => Promise<void>,
  ): Promise<void> {
    const place = vpcPlace(this.#names, id, this.#options.commands);
    const follow = async () => network.putSurroundings(await this.#insideOf());
    await this.#overlays.around([id], place, { how, write: write ?? follow, follow });
  }

  async #openSpace(vpc: VpcIntent): Promise<Space> {
    const place = vpcPlace(this.#names, vpc.id, this.#options.commands);
    const network = await openPlace(this.#options, this.#names, place);
    const space: Space = { network, metadata: undefined, shape: undefined };
    this.#spaces.set(vpc.id, space);
    return space;
  }

  async #insideOf(): Promise<Surroundings> {
    const resolvers = await findResolvers();
    const overlays = this.#overlays.view();
    const inside = { vpcs: this.#vpcs, wayOut: WAY_OUT, overlays, peers: this.#peers };
    return resolvers === undefined ? inside : { ...inside, resolvers };
  }

  /** New subnets, routes and public addresses are a matter of the whole name space, groups and ports are not. */
  async #changeSpace(vpc: VpcIntent): Promise<void> {
    const space = this.#spaces.get(vpc.id);
    if (space === undefined) {
      await this.#ensureSpace(vpc, { isNeeded: this.#isPassedThrough(vpc) });
      return;
    }
    if (space.shape === this.#shapeOf(vpc)) await this.#putSpace(vpc, space, 'put');
    else await this.#ensureSpace(vpc);
  }

  async #removeStrays(): Promise<void> {
    const wanted = new Set<string>(this.#ownSpaced().map(({ id }) => id));
    for (const [id, { network }] of this.#spaces) {
      // A port may have a guest; whoever owns it removes it first.
      if (!wanted.has(id) && (await network.listPorts()).length === 0) await this.#removeSpace(id);
    }
  }

  async #removeSpace(id: string): Promise<void> {
    const { commands } = this.#options;
    const place = vpcPlace(this.#names, id, commands);
    const space = this.#spaces.get(id);
    await space?.metadata?.[Symbol.asyncDispose]();
    if (space !== undefined) this.#lastFlows.push(...(await space.network.takeFlows()));
    await space?.network.endServices();
    await removeSpace({ names: this.#names, commands }, id);
    await rm(place.directory, { recursive: true, force: true });
    this.#spaces.delete(id);
    this.#overlays.forget(id);
  }

  #shapeOf(vpc: VpcIntent): string {
    return shapeOf(vpc, this.#overlays, this.#peers);
  }
}
