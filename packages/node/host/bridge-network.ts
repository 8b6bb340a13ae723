// Owns the network of one place of a node that is root, the host itself or a VPC's name space: a bridge a subnet, a
// tap a port, DHCP and DNS by dnsmasq, translation, groups and protection by nftables. Everything is found by names
// derived from ids, so that a daemon that was killed takes all of it up again, and whatever is missing comes back at
// the next call.

import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { InterfaceId, SubnetId } from '@ironbark/core/ids.ts';
import { STORAGE_MTU } from '@ironbark/core/io-profile.ts';
import type { Clock } from '@ironbark/platform/clock.ts';
import type { Commands } from '@ironbark/platform/commands.ts';
import type { Logger } from '@ironbark/platform/logger.ts';
import type { FlowWindow } from '@ironbark/protocol/internal/flow-messages.ts';
import type { SubnetIntent } from '@ironbark/protocol/internal/instance-messages.ts';
import type { VpcIntent } from '@ironbark/protocol/internal/network-messages.ts';
import { addressServiceOf, serviceOptionsOf } from './address-services.ts';
import { endEveryDnsmasq, ensureDnsmasq, listDnsmasq, removeDnsmasq } from './dnsmasq.ts';
import { FlowBook, loggedPorts } from './flow-book.ts';
import { governingVpcs, waysOf } from './governing-vpcs.ts';
import { GroupBook } from './group-book.ts';
import type { GroupScope } from './group-rules.ts';
import type { PortAttachment, PortSpec } from './host-network.ts';
import { ensureForwarding, RUN_DIRECTORY, restoreForwarding } from './ip-forwarding.ts';
import { Ipv6Book } from './ipv6-book.ts';
import { findLink, type Link, listLinks, removeLink, runIp } from './links.ts';
import { isAnyCloudBridge, type NetworkNames } from './network-names.ts';
import { type NetworkPlace, removeIfEmpty } from './network-place.ts';
import {
  cloudRuleSet,
  portRuleSet,
  portRuleSetName,
  renderCloudRulesRemoval,
  renderPortRulesRemoval,
} from './network-rules.ts';
import { RuleBook, type RuleSet } from './nftables.ts';
import { attachmentTo } from './port-attachment.ts';
import { type PortRecord, PortRecords, recordOf } from './port-records.ts';
import { isSameSender, type Sender, sendersOf } from './senders.ts';
import { ensureSubnetBridge } from './subnet-bridge.ts';
import { describeSubnet, type SubnetRules } from './subnet-facts.ts';
import { readSubnets, writeSubnets } from './subnet-records.ts';
import type { Surroundings } from './surroundings.ts';
import { ensureTap, isolatePort, plugTap, type TapSpec } from './tap.ts';

export interface BridgeNetworkOptions {
  names: NetworkNames;
  place: NetworkPlace;
  clock: Clock;
  logger: Logger;
  /** Where the metadata service listens in this place. */
  metadataPort: number;
  /** TCP ports of the host that guests may reach, such as the cloud's own API. None by default. */
  hostPorts?: readonly number[];
}

export async function openBridgeNetwork(options: BridgeNetworkOptions): Promise<BridgeNetwork> {
  const { directory } = options.place;
  const ports = await PortRecords.open(join(directory, 'ports'));
  return new BridgeNetwork(options, ports, await readSubnets(directory));
}

export class BridgeNetwork {
  readonly #options: BridgeNetworkOptions;
  readonly #commands: Commands;
  readonly #names: NetworkNames;
  readonly #directory: string;
  readonly #rules: RuleBook;
  readonly #groups: GroupBook;
  readonly #ipv6: Ipv6Book;
  readonly #flows: FlowBook;
  readonly #ports: PortRecords;
  #subnets: readonly SubnetIntent[];
  #surroundings: Surroundings = { vpcs: [] };
  /** Of the ports that some VPC speaks of: with which addresses they send. */
  #senders = new Map<InterfaceId, Sender>();
  /** Calls take turns: each looks at the host before it changes it. */
  #turn: Promise<unknown> = Promise.resolve();

  constructor(options: BridgeNetworkOptions, ports: PortRecords, subnets: readonly SubnetIntent[]) {
    this.#options = options;
    this.#commands = options.place.commands;
    this.#names = options.names;
    this.#directory = options.place.directory;
    this.#ports = ports;
    this.#subnets = subnets;
    this.#rules = new RuleBook(this.#commands, this.#directory);
    this.#groups = new GroupBook(options.names.groupTable, this.#rules);
    this.#ipv6 = new Ipv6Book(options.names, this.#rules);
    this.#flows = new FlowBook(options, this.#rules);
  }

  ensureSubnets(
    subnets: readonly SubnetIntent[],
    surroundings: Surroundings = { vpcs: [] },
  ): Promise<void> {
    return this.#inTurn(async () => {
      this.#surround(surroundings);
      await this.#rememberSubnets(subnets);
      await this.#removeStrays();
      await this.#ensureHost();
    });
  }

  /** Nothing of it was made, or all of it is gone: at most the rules of {@link putRulesAlone}. */
  get isBare(): boolean {
    return this.#subnets.length === 0;
  }

  /** Of subnets without guests here, whose place packets to other nodes go through: rules, and nothing that they speak of. */
  putRulesAlone(subnets: readonly SubnetIntent[], surroundings: Surroundings): Promise<void> {
    return this.#inTurn(() => {
      this.#surround(surroundings);
      return this.#rules.ensure([this.#cloudSet(subnets)]);
    });
  }

  /** Takes what has changed in the VPCs to the kernel, without a look at what it has. */
  putSurroundings(surroundings: Surroundings): Promise<void> {
    return this.#inTurn(async () => {
      const [senders, services] = [this.#senders, this.#serviceOptions()];
      this.#surround(surroundings);
      if (this.#needsForwarding()) await ensureForwarding();
      await this.#putGroups();
      await this.#rules.put(this.#cloudSet());
      for (const port of this.#ports.list()) {
        const { interfaceId: id } = port;
        const isSame = isSameSender(senders.get(id), this.#senders.get(id));
        // One that was not made since this process began waits for the look at the kernel.
        if (isSame || !this.#rules.has(this.#names.tap(id))) continue;
        await this.#rules.put(this.#portSet(port));
      }
      if (this.#serviceOptions() !== services) await this.#ensureAddressServices();
    });
  }

  #serviceOptions(): string {
    return serviceOptionsOf(this.#governing(), this.#surroundings);
  }

  #surround(surroundings: Surroundings): void {
    this.#surroundings = surroundings;
    this.#senders = sendersOf(surroundings.vpcs);
  }

  ensurePort(port: PortSpec): Promise<PortAttachment> {
    return this.#inTurn(async () => {
      if (!this.#subnets.some(({ id }) => id === port.subnet.id)) {
        await this.#rememberSubnets([...this.#subnets, port.subnet]);
        await this.#ensureHost();
      }
      await this.#ports.put(recordOf(port));
      const tap = this.#names.tap(port.interfaceId);
      const attachment = attachmentTo(tap, port, this.#options.place.namespace);
      await this.#ensureTap(port, attachment.queues > 1 || attachment.vhost);
      await this.#putGroups();
      await this.#ensureAddressServices();
      return attachment;
    });
  }

  hostInterface(id: SubnetId): string {
    return this.#names.bridge(id);
  }

  removePort(id: InterfaceId): Promise<void> {
    return this.#inTurn(async () => {
      const record = this.#ports.find(id);
      await this.#removeTap(this.#names.tap(id));
      await this.#ports.delete(id);
      if (record === undefined) return;
      await this.#putGroups();
      await this.#ensureAddressServices();
    });
  }

  listPorts(): Promise<InterfaceId[]> {
    return this.#inTurn(async () => this.#ports.list().map(({ interfaceId }) => interfaceId));
  }

  takeFlows(): Promise<FlowWindow[]> {
    return this.#inTurn(() => this.#flows.take());
  }

  /** Ends the processes that answer guests, of this place and, on the host, of all. */
  endServices(): Promise<void> {
    return this.#inTurn(() => endEveryDnsmasq(this.#dnsmasq()));
  }

  removeAll(): Promise<void> {
    return this.#inTurn(async () => {
      await endEveryDnsmasq(this.#dnsmasq());
      const ours = (await listLinks(this.#commands)).filter((link) => this.#isOurs(link));
      await runIp(
        this.#commands,
        ours.map(({ name }) => `link delete dev ${name}`),
      );
      await this.#rules.apply(renderCloudRulesRemoval(this.#names));
      if (!(await this.#isAnyCloudLeft())) await restoreForwarding();
      // Another cloud may have come up in between, and counted on it.
      if (await this.#isAnyCloudLeft()) await ensureForwarding();
      await this.#forget();
    });
  }

  /** The network stays: guests outlive the daemon. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#turn;
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#turn.then(() => this.#ensureDirectory()).then(work);
    this.#turn = result.catch(() => {});
    return result;
  }

  async #ensureDirectory(): Promise<void> {
    await mkdir(this.#directory, { recursive: true, mode: 0o755 });
  }

  #dnsmasq() {
    return { commands: this.#commands, clock: this.#options.clock, directory: this.#directory };
  }

  async #isAnyCloudLeft(): Promise<boolean> {
    return (await listLinks(this.#commands)).some(({ name }) => isAnyCloudBridge(name));
  }

  #isOurs({ name }: Link): boolean {
    const { isBridge, isTap, isUplink, isPeerLink } = this.#names;
    return [isBridge, isTap, isUplink, isPeerLink].some((isOne) => isOne(name));
  }

  async #rememberSubnets(subnets: readonly SubnetIntent[]): Promise<void> {
    if (JSON.stringify(subnets) === JSON.stringify(this.#subnets)) return;
    await writeSubnets(this.#directory, subnets);
    this.#subnets = subnets;
  }

  /** Bridges, taps and address services that no record speaks of. */
  async #removeStrays(): Promise<void> {
    const bridges = new Set(this.#subnets.map(({ id }) => this.#names.bridge(id)));
    const taps = new Set(this.#ports.list().map((port) => this.#names.tap(port.interfaceId)));
    for (const { name, hasCarrier } of await listLinks(this.#commands)) {
      if (this.#names.isBridge(name) && !bridges.has(name)) await removeLink(this.#commands, name);
      // A tap that is open has a guest; its owner will claim or end it.
      if (this.#names.isTap(name) && !taps.has(name) && !hasCarrier) await this.#removeTap(name);
    }
    for (const id of await listDnsmasq(this.#dnsmasq())) {
      if (this.#subnets.some((subnet) => subnet.id === id)) continue;
      await removeDnsmasq(this.#dnsmasq(), id);
    }
  }

  async #ensureHost(): Promise<void> {
    for (const subnet of this.#subnets) {
      await ensureSubnetBridge(this.#options, this.#names, this.#rulesOf(subnet));
    }
    if (this.#needsForwarding()) await ensureForwarding();
    await this.#ensureRules();
    await this.#plugPorts();
    await this.#ensureAddressServices();
  }

  /** A name space of its own was made with it. */
  #needsForwarding(): boolean {
    if (this.#options.place.namespace !== undefined) return false;
    return this.#subnets.length + (this.#surroundings.uplinks?.length ?? 0) > 0;
  }

  async #ensureRules(): Promise<void> {
    const links = new Set((await listLinks(this.#commands)).map(({ name }) => name));
    const taps = this.#ports
      .list()
      .filter(({ interfaceId }) => links.has(this.#names.tap(interfaceId)));
    const groups = this.#groups.whole(this.#groupScope());
    const ipv6 = this.#ipv6.whole(this.#groupScope(), this.#ipv6Subnets());
    const portSets = taps.map((port) => this.#portSet(port));
    try {
      await this.#rules.ensure([this.#cloudSet(), groups, ...ipv6, ...portSets]);
    } catch (error) {
      this.#groups.forget();
      this.#ipv6.forget();
      throw error;
    }
    await this.#flows.ensure(loggedPorts(this.#governing(), this.#ports));
  }

  #cloudSet(all: readonly SubnetIntent[] = this.#subnets): RuleSet {
    const { metadataPort, hostPorts = [] } = this.#options;
    const { uplinks, wayOut } = this.#surroundings;
    const subnets = all.map((subnet) => this.#rulesOf(subnet));
    const { table, anyPeerLink } = this.#names;
    return cloudRuleSet({
      ...{ table, anyPeerLink, subnets, metadataPort, hostPorts },
      publicIps: this.#governing().flatMap(({ ports }) =>
        ports.flatMap(({ publicIps }) => publicIps),
      ),
      ...(uplinks === undefined ? {} : { uplinks }),
      ...(wayOut === undefined ? {} : { wayOut }),
    });
  }

  #rulesOf(subnet: SubnetIntent): SubnetIntent & SubnetRules {
    return {
      ...subnet,
      ...{ bridge: this.#names.bridge(subnet.id), nbdGuests: this.#ports.nbdGuestsIn(subnet.id) },
      ...describeSubnet(this.#surroundings.vpcs, subnet.id),
      ...waysOf(this.#surroundings, this.#names, subnet.id),
    };
  }

  /** None on the host, which routes no IPv6 of guests. */
  #ipv6Subnets(): SubnetRules[] {
    return this.#options.place.isHost ? [] : this.#subnets.map((one) => this.#rulesOf(one));
  }

  async #putGroups(): Promise<void> {
    await this.#groups.put(this.#groupScope());
    await this.#ipv6.put(this.#groupScope(), this.#ipv6Subnets());
    await this.#flows.put(loggedPorts(this.#governing(), this.#ports));
  }

  #governing(): VpcIntent[] {
    return governingVpcs(this.#surroundings.vpcs, this.#subnets);
  }

  #groupScope(): GroupScope {
    const isLocal = (id: InterfaceId) => this.#ports.find(id) !== undefined;
    return { vpcs: this.#governing(), known: this.#surroundings.vpcs, isLocal };
  }

  #portSet(port: PortRecord): RuleSet {
    const { table } = this.#names;
    const tap = this.#names.tap(port.interfaceId);
    const sender = this.#senders.get(port.interfaceId) ?? { privateIps: [port.privateIp] };
    const storageMac = this.#names.bridgeMac(port.subnetId);
    const storage = port.carriesStorage === true ? { storageMac } : {};
    return portRuleSet({ table, tap, macAddress: port.macAddress, ...sender, ...storage });
  }

  /** A bridge that was made anew has lost its ports. */
  async #plugPorts(): Promise<void> {
    const links = new Map((await listLinks(this.#commands)).map((link) => [link.name, link]));
    const loose = this.#ports.list().flatMap((port) => {
      const tap = this.#names.tap(port.interfaceId);
      const bridge = this.#names.bridge(port.subnetId);
      const link = links.get(tap);
      if (link === undefined || !links.has(bridge)) return [];
      if (link.master === bridge && link.isIsolated) return [];
      return [`link set dev ${tap} master ${bridge} up`, isolatePort(tap)];
    });
    await runIp(this.#commands, loose);
  }

  async #ensureAddressServices(): Promise<void> {
    const domains = [...new Set(this.#subnets.map(({ domain }) => domain))];
    for (const subnet of this.#subnets) {
      const bridge = this.#names.bridge(subnet.id);
      const bridgeIndex = (await findLink(this.#commands, bridge))?.index;
      if (bridgeIndex === undefined) continue;
      const served = { subnet, bridge, bridgeIndex, ports: this.#ports.list(), domains };
      await ensureDnsmasq(this.#dnsmasq(), addressServiceOf(served, this.#surroundings));
    }
  }

  async #ensureTap(port: PortSpec, multiQueue: boolean): Promise<void> {
    const spec: TapSpec = {
      name: this.#names.tap(port.interfaceId),
      bridge: this.#names.bridge(port.subnet.id),
      // A guest's card stays at what its lease says, until it drives a volume over it.
      mtu: Math.max(port.profile.mtu, STORAGE_MTU),
      multiQueue,
      ownerUid: port.uid ?? 0,
      alias: `${port.instanceId}/${port.interfaceId}`,
    };
    const existing = await findLink(this.#commands, spec.name);
    if (await ensureTap(this.#commands, spec, existing)) this.#rules.distrust(spec.name);
    await this.#rules.put(this.#portSet(this.#ports.find(port.interfaceId)!));
    await this.#rules.put(this.#cloudSet());
    await plugTap(this.#options.place, spec);
  }

  async #removeTap(name: string): Promise<void> {
    await removeLink(this.#commands, name);
    const set = portRuleSetName({ table: this.#names.table, tap: name });
    await this.#rules.remove(set, renderPortRulesRemoval(this.#names.table, name));
  }

  async #forget(): Promise<void> {
    await rm(this.#directory, { recursive: true, force: true });
    await removeIfEmpty(RUN_DIRECTORY);
    this.#subnets = [];
    this.#ports.clear();
  }
}
