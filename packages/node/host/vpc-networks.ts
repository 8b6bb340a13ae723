// Owns the networks of a node that is root: the host's own, which it routes itself, and one name space for each other
// VPC that has ports here. Whoever asks for a port need not know where its subnet is.

import { readdir, rm } from 'node:fs/promises';
import { type InterfaceId, isResourceId, type NodeId, type SubnetId } from '@ironbark/core/ids.ts';
import { cidrContains, cidrsOverlap, parseCidr } from '@ironbark/core/ipv4.ts';
import type { Clock } from '@ironbark/platform/clock.ts';
import type { Commands } from '@ironbark/platform/commands.ts';
import { hasCode } from '@ironbark/platform/files.ts';
import type { Logger } from '@ironbark/platform/logger.ts';
import type { SubnetIntent } from '@ironbark/protocol/internal/instance-messages.ts';
import type { VpcIntent } from '@ironbark/protocol/internal/network-messages.ts';
import { findApart, subnetsOf } from '@ironbark/protocol/internal/vpc-subnets.ts';
import { type BridgeNetwork, openBridgeNetwork } from './bridge-network.ts';
import type { HostNetwork, PortAttachment, PortSpec } from './host-network.ts';
import { createNetworkNames, type NetworkNames } from './network-names.ts';
import { hostPlace, type NetworkPlace, vpcPlace } from './network-place.ts';
import { nextNodeOf, withoutForeignAddresses } from './overlay-plan.ts';
import { Overlays } from './overlays.ts';
import { type PortCounters, readPortCounters } from './port-counters.ts';
import {
  ensurePublicNeighbours,
  type PublicAddresses,
  planPublicAddresses,
} from './public-neighbours.ts';
import type { Surroundings } from './surroundings.ts';
import { ensureVpcRoutes, type RoutedVpcs } from './vpc-routes.ts';
import {
  deleteNamespace,
  ensureRoutes,
  ensureSpace,
  findResolvers,
  listNamespaces,
  removeSpace,
  WAY_OUT,
} from './vpc-space.ts';

export interface VpcNetworksOptions {
  /** Stable for the life of the data folder; part of every name on the host. */
  cloudId: string;
  commands: Commands;
  clock: Clock;
  logger: Logger;
  /** Where the metadata service listens on this host. */
  metadataPort: number;
  /** Which of the nodes that VPCs speak of this is; absent: all ports are here. */
  nodeId?: NodeId;
  /** A name space that stands for the host, which `commands` run in; absent: the host itself. */
  hostNamespace?: string;
  /** TCP ports of the host that guests may reach, such as the cloud's own API. None by default. */
  hostPorts?: readonly number[];
  /** Starts the metadata service of a name space; absent: its guests have none. */
  serveMetadata?: (vpcId: string, namespace: string) => Promise<AsyncDisposable>;
}

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

/** VPCs that have or had a name space here. */
async function listSpaces({ directory }: NetworkPlace): Promise<string[]> {
  try {
    return (await readdir(directory)).filter((name) => isResourceId('vpc', name));
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return [];
    throw error;
  }
}

class VpcNetworks implements HostNetwork {
  readonly kind = 'bridge';
  readonly #options: VpcNetworksOptions;
  readonly #names: NetworkNames;
  readonly #host: BridgeNetwork;
  readonly #hostPlace: NetworkPlace;
  readonly #overlays: Overlays;
  readonly #spaces = new Map<string, Space>();
  #vpcs: readonly VpcIntent[] = [];
  /** Those that the host itself routes. */
  #hostSubnets: readonly SubnetIntent[] = [];
  /** Those of them that have their bridges: no network of the host's own is in their place. */
  #bridged: readonly SubnetIntent[] = [];
  #hostShape = '';
  #publicShape = '';
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
    for (const vpc of this.#ownSpaced()) await this.#ensureSpace(vpc);
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
    const networks = [this.#host, ...[...this.#spaces.values()].map(({ network }) => network)];
    return (await Promise.all(networks.map((network) => network.listPorts()))).flat();
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
    this.#overlays.plan(this.#vpcs, (vpc) =>
      apart.has(vpc) ? undefined : vpc.subnets.flatMap(({ id }) => cidrs.get(id) ?? []),
    );
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
    await ensureVpcRoutes(this.#options.commands, this.#routed(vpcs));
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
    return { vpcs, names: this.#names, overlayOf: (id) => this.#overlays.find(id) };
  }

  #ownVpcOf(subnetId: SubnetId): VpcIntent | undefined {
    return this.#ownSpaced().find(({ subnets }) => subnets.some(({ id }) => id === subnetId));
  }

  #surroundings(): Surroundings {
    const uplinks = [...this.#spaces.keys()].map((id) => this.#names.uplink(id));
    return { vpcs: this.#vpcs, uplinks, overlays: this.#overlays.view() };
  }

  /** Undefined when the VPC has no port here and needs none. */
  async #ensureSpace(vpc: VpcIntent, { isNeeded = false } = {}): Promise<Space | undefined> {
    const known = this.#spaces.get(vpc.id);
    if (known === undefined && !isNeeded) return undefined;
    const context = { names: this.#names, commands: this.#options.commands };
    await ensureSpace(context, vpc);
    const space = known ?? (await this.#openSpace(vpc));
    space.metadata ??= await this.#options.serveMetadata?.(vpc.id, this.#names.space(vpc.id));
    await this.#putSpace(vpc, space, 'ensure', async () =>
      space.network.ensureSubnets(subnetsOf(vpc), await this.#insideOf()),
    );
    await ensureRoutes(context, this.#routed([vpc]));
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
    const inside = { vpcs: this.#vpcs, wayOut: WAY_OUT, overlays: this.#overlays.view() };
    return resolvers === undefined ? inside : { ...inside, resolvers };
  }

  /** New subnets, routes and public addresses are a matter of the whole name space, groups and ports are not. */
  async #changeSpace(vpc: VpcIntent): Promise<void> {
    const space = this.#spaces.get(vpc.id);
    if (space === undefined) return;
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
    await space?.network.endServices();
    await removeSpace({ names: this.#names, commands }, id);
    await rm(place.directory, { recursive: true, force: true });
    this.#spaces.delete(id);
    this.#overlays.forget(id);
  }

  #shapeOf(vpc: VpcIntent): string {
    return shapeOf(vpc, this.#overlays);
  }
}

function shapeOf(vpc: VpcIntent, overlays: Overlays): string {
  const { id, subnets, cidrs, dhcp, hasDns, ports } = vpc;
  const publicIps = ports.flatMap((port) => port.publicIps);
  // Routes lead to routers, and those may be on other nodes or move to one.
  const routers = ports.filter((port) => !port.checksSource);
  const nextNodes = routers.map((port) => nextNodeOf(overlays.find(id), port) ?? null);
  const hasOverlay = overlays.find(id) !== undefined;
  return JSON.stringify({ subnets, cidrs, dhcp, hasDns, publicIps, nextNodes, hasOverlay });
}

function hasNewSubnets(vpcs: readonly VpcIntent[], known: readonly SubnetIntent[]): boolean {
  const ids = new Set(known.map(({ id }) => id));
  const apart = new Set(findApart(vpcs, known));
  const isNew = vpcs.some((vpc) => !apart.has(vpc) && vpc.subnets.some(({ id }) => !ids.has(id)));
  return isNew && withOwnSubnets(known, vpcs).length > known.length;
}

/** A VPC that the host routes may have more subnets than it was told of, as long as they are nobody else's. */
function withOwnSubnets(
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
