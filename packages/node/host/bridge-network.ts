// Owns the network of a node that is root: a bridge a subnet, a tap a port, DHCP and DNS by dnsmasq, translation
// and protection by nftables. Everything is found by names derived from ids, so that a daemon that was killed
// takes all of it up again, and whatever is missing comes back at the next call.

import { existsSync } from 'node:fs';
import { mkdir, rm, rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { InterfaceId, SubnetId } from '@ironbark/core/ids.ts';
import { STORAGE_MTU } from '@ironbark/core/io-profile.ts';
import type { Clock } from '@ironbark/platform/clock.ts';
import type { Commands } from '@ironbark/platform/commands.ts';
import { hasCode } from '@ironbark/platform/files.ts';
import type { Logger } from '@ironbark/platform/logger.ts';
import type { SubnetIntent } from '@ironbark/protocol/internal/instance-messages.ts';
import { endEveryDnsmasq, ensureDnsmasq, listDnsmasq, removeDnsmasq } from './dnsmasq.ts';
import type { HostNetwork, PortAttachment, PortSpec } from './host-network.ts';
import { ensureForwarding, RUN_DIRECTORY, restoreForwarding } from './ip-forwarding.ts';
import { type Link, listLinks, removeLink, runIp } from './links.ts';
import { createNetworkNames, isAnyCloudBridge, type NetworkNames } from './network-names.ts';
import {
  cloudRuleSet,
  portRuleSet,
  renderCloudRulesRemoval,
  renderPortRulesRemoval,
} from './network-rules.ts';
import { RuleBook } from './nftables.ts';
import { type PortRecord, PortRecords } from './port-records.ts';
import { ensureSubnetBridge } from './subnet-bridge.ts';
import { readSubnets, writeSubnets } from './subnet-records.ts';
import { ensureTap, plugTap, type TapSpec } from './tap.ts';

export interface BridgeNetworkOptions {
  /** Stable for the life of the data folder; part of every name on the host. */
  cloudId: string;
  commands: Commands;
  clock: Clock;
  logger: Logger;
  /** Where the metadata service listens on this host. */
  metadataPort: number;
  /** TCP ports of the host that guests may reach, such as the cloud's own API. None by default. */
  hostPorts?: readonly number[];
}

/** More queues than this gain nothing in a guest and cost memory each. */
const MAX_QUEUES = 8;

export async function createBridgeNetwork(options: BridgeNetworkOptions): Promise<HostNetwork> {
  const names = createNetworkNames(options.cloudId);
  const directory = join(RUN_DIRECTORY, names.tag);
  const ports = await PortRecords.open(join(directory, 'ports'));
  const subnets = await readSubnets(directory);
  return new BridgeNetwork(options, names, directory, ports, subnets);
}

class BridgeNetwork implements HostNetwork {
  readonly kind = 'bridge';
  readonly #options: BridgeNetworkOptions;
  readonly #commands: Commands;
  readonly #names: NetworkNames;
  readonly #directory: string;
  readonly #rules: RuleBook;
  readonly #ports: PortRecords;
  #subnets: readonly SubnetIntent[];
  /** Calls take turns: each looks at the host before it changes it. */
  #turn: Promise<unknown> = Promise.resolve();

  constructor(
    options: BridgeNetworkOptions,
    names: NetworkNames,
    directory: string,
    ports: PortRecords,
    subnets: readonly SubnetIntent[],
  ) {
    this.#options = options;
    this.#commands = options.commands;
    this.#names = names;
    this.#directory = directory;
    this.#ports = ports;
    this.#subnets = subnets;
    this.#rules = new RuleBook(options.commands, directory);
  }

  ensureSubnets(subnets: readonly SubnetIntent[]): Promise<void> {
    return this.#inTurn(async () => {
      await this.#rememberSubnets(subnets);
      await this.#removeStrays();
      await this.#ensureHost();
    });
  }

  ensurePort(port: PortSpec): Promise<PortAttachment> {
    return this.#inTurn(async () => {
      if (!this.#subnets.some(({ id }) => id === port.subnet.id)) {
        await this.#rememberSubnets([...this.#subnets, port.subnet]);
        await this.#ensureHost();
      }
      await this.#ports.put(recordOf(port));
      const attachment = this.#attach(port);
      await this.#ensureTap(port, attachment.queues > 1 || attachment.vhost);
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
      if (record !== undefined) await this.#ensureAddressServices();
    });
  }

  listPorts(): Promise<InterfaceId[]> {
    return this.#inTurn(async () => this.#ports.list().map(({ interfaceId }) => interfaceId));
  }

  removeAll(): Promise<void> {
    return this.#inTurn(async () => {
      await endEveryDnsmasq(this.#dnsmasq());
      const ours = (await listLinks(this.#commands)).filter((link) => this.#isOurs(link));
      await runIp(
        this.#commands,
        ours.map(({ name }) => `link delete dev ${name}`),
      );
      await this.#rules.apply(renderCloudRulesRemoval(this.#names.table));
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
    const { commands, clock } = this.#options;
    return { commands, clock, directory: this.#directory };
  }

  async #isAnyCloudLeft(): Promise<boolean> {
    return (await listLinks(this.#commands)).some(({ name }) => isAnyCloudBridge(name));
  }

  #isOurs({ name }: Link): boolean {
    return this.#names.isBridge(name) || this.#names.isTap(name);
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
      await ensureSubnetBridge(this.#options, this.#names, subnet);
    }
    if (this.#subnets.length > 0) await ensureForwarding();
    await this.#ensureRules();
    await this.#plugPorts();
    await this.#ensureAddressServices();
  }

  async #ensureRules(): Promise<void> {
    const links = new Set((await listLinks(this.#commands)).map(({ name }) => name));
    const { metadataPort, hostPorts = [] } = this.#options;
    const { table } = this.#names;
    const subnets = this.#subnets.map((subnet) => ({
      ...subnet,
      bridge: this.#names.bridge(subnet.id),
    }));
    const ports = this.#ports
      .list()
      .map(({ carriesStorage, ...port }) => ({
        ...{ table, tap: this.#names.tap(port.interfaceId), ...port },
        ...(carriesStorage === true ? { storageMac: this.#names.bridgeMac(port.subnetId) } : {}),
      }))
      .filter(({ tap }) => links.has(tap));
    const cloud = cloudRuleSet({ table, subnets, metadataPort, hostPorts });
    await this.#rules.ensure([cloud, ...ports.map(portRuleSet)]);
  }

  /** A bridge that was made anew has lost its ports. */
  async #plugPorts(): Promise<void> {
    const links = new Map((await listLinks(this.#commands)).map((link) => [link.name, link]));
    const loose = this.#ports.list().flatMap((port) => {
      const tap = this.#names.tap(port.interfaceId);
      const bridge = this.#names.bridge(port.subnetId);
      const link = links.get(tap);
      if (link === undefined || link.master === bridge || !links.has(bridge)) return [];
      return [`link set dev ${tap} master ${bridge} up`];
    });
    await runIp(this.#commands, loose);
  }

  async #ensureAddressServices(): Promise<void> {
    const links = new Map((await listLinks(this.#commands)).map((link) => [link.name, link.index]));
    const domains = [...new Set(this.#subnets.map(({ domain }) => domain))];
    for (const subnet of this.#subnets) {
      const bridge = this.#names.bridge(subnet.id);
      const bridgeIndex = links.get(bridge);
      if (bridgeIndex === undefined) continue;
      const ports = this.#ports.list();
      await ensureDnsmasq(this.#dnsmasq(), { subnet, bridge, bridgeIndex, ports, domains });
    }
  }

  #attach({ interfaceId, profile, vcpus }: PortSpec): PortAttachment & { kind: 'tap' } {
    const isFast = profile.model === 'virtio-net' && profile.vhost === 'if-available';
    const vhost = isFast && existsSync('/dev/vhost-net');
    const wanted = profile.queues === 'vcpus' ? vcpus : profile.queues;
    // QEMU 7.2 aborts on an assertion with several queues and no vhost.
    const queues = vhost ? Math.max(1, Math.min(wanted, MAX_QUEUES)) : 1;
    const interfaceName = this.#names.tap(interfaceId);
    return { kind: 'tap', interfaceName, queues, vhost, mtu: profile.mtu };
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
    const links = await listLinks(this.#commands);
    const existing = links.find(({ name }) => name === spec.name);
    if (await ensureTap(this.#commands, spec, existing)) this.#rules.distrust(spec.name);
    await this.#ensureRules();
    await plugTap(this.#commands, spec);
  }

  async #removeTap(name: string): Promise<void> {
    await removeLink(this.#commands, name);
    await this.#rules.remove(name, renderPortRulesRemoval(this.#names.table, name));
  }

  async #forget(): Promise<void> {
    await rm(this.#directory, { recursive: true, force: true });
    await removeIfEmpty(RUN_DIRECTORY);
    this.#subnets = [];
    this.#ports.clear();
  }
}

async function removeIfEmpty(directory: string): Promise<void> {
  try {
    await rmdir(directory);
  } catch (error) {
    if (!hasCode(error, 'ENOTEMPTY') && !hasCode(error, 'ENOENT')) throw error;
  }
}

function recordOf(port: PortSpec): PortRecord {
  const { interfaceId, instanceId, macAddress, privateIp, hostname, subnet, profile } = port;
  const { carriesStorage } = port;
  return {
    ...{ interfaceId, instanceId, macAddress, privateIp, hostname },
    ...{ subnetId: subnet.id, domain: subnet.domain, mtu: profile.mtu },
    ...(carriesStorage === true ? { carriesStorage } : {}),
  };
}
