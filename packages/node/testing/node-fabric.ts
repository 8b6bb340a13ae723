// Owns several nodes on one machine for tests of the network between them: a name space stands for each host, and one
// more with a bridge for the cables.

import { systemClock } from '@ironbark/platform/clock.ts';
import type { Commands } from '@ironbark/platform/commands.ts';
import { systemCommands } from '@ironbark/platform/commands.ts';
import { silentLogger } from '@ironbark/platform/logger.ts';
import { commandsInNamespace, setNetworkSettings } from '@ironbark/platform/network-namespace.ts';
import type { HostNetwork, PortSpec } from '../host/host-network.ts';
import { createNetworkNames, type NetworkNames } from '../host/network-names.ts';
import { createVpcNetworks } from '../host/vpc-networks.ts';
import type { VpcNetworksOptions } from '../host/vpc-networks-options.ts';
import { createGuestIn, Namespace } from './guest-namespace.ts';

export interface FabricNode {
  nodeId: `node-${string}`;
  underlayAddress: string;
  host: Namespace;
  commands: Commands;
  names: NetworkNames;
  network: HostNetwork;
}

export interface FabricOptions {
  label: string;
  nodes: number;
  mtu?: number;
  changes?: Partial<VpcNetworksOptions>;
}

const METADATA_PORT = 8_775;

export class NodeFabric implements AsyncDisposable {
  readonly nodes: FabricNode[] = [];
  /** Somebody on the same cables who is no node. */
  readonly stranger: Namespace;
  readonly #options: FabricOptions;
  readonly #cables: Namespace;
  readonly #guests: Namespace[] = [];
  readonly #watchers = new Map<number, () => Promise<void>>();

  private constructor(options: FabricOptions, cables: Namespace, stranger: Namespace) {
    this.#options = options;
    this.#cables = cables;
    this.stranger = stranger;
  }

  static async create(options: FabricOptions): Promise<NodeFabric> {
    const { label } = options;
    const cables = await Namespace.create(`${label}-cables`);
    await cables.ip('link', 'add', 'cables', 'type', 'bridge', 'forward_delay', '0');
    await cables.ip('link', 'set', 'cables', 'up');
    const fabric = new NodeFabric(options, cables, await Namespace.create(`${label}-stranger`));
    await fabric.#plug(fabric.stranger, 99);
    for (let number = 1; number <= options.nodes; number += 1) await fabric.#addNode(number);
    return fabric;
  }

  node(number: number): FabricNode {
    return this.nodes[number - 1]!;
  }

  get locations() {
    return this.nodes.map(({ nodeId, underlayAddress }) => ({ nodeId, underlayAddress }));
  }

  /** Looks at the node after each command by which its network may have changed something; undefined: no more. */
  watch(number: number, look: (() => Promise<void>) | undefined): void {
    if (look === undefined) this.#watchers.delete(number);
    else this.#watchers.set(number, look);
  }

  /** As a daemon of the node that has just started. */
  async open(number: number): Promise<HostNetwork> {
    const { commands, nodeId, host } = this.node(number);
    const watched: Commands = {
      ...commands,
      run: async (file, args, options) => {
        const result = await commands.run(file, args, options);
        const onlyLooks = args.includes('show') || args.includes('list');
        if (!onlyLooks) await this.#watchers.get(number)?.();
        return result;
      },
    };
    return createVpcNetworks({
      cloudId: this.#cloudId(number),
      ...{ commands: watched, nodeId, hostNamespace: host.name },
      clock: systemClock,
      logger: silentLogger,
      metadataPort: METADATA_PORT,
      ...this.#options.changes,
    });
  }

  /** A guest in the place of the port's tap, in the name space of its VPC, or on the host that routes it. */
  async plug(number: number, port: PortSpec, vpcId?: string): Promise<Namespace> {
    const { network, names, host } = this.node(number);
    await network.ensurePort(port);
    const space = vpcId === undefined ? host.name : names.space(vpcId);
    const guest = await createGuestIn(space, names.tap(port.interfaceId), port);
    this.#guests.push(guest);
    await guest.configure(`${port.privateIp}/24`, port.subnet.gatewayIp);
    return guest;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { network } of this.nodes) {
      await network[Symbol.asyncDispose]();
      await network.removeAll();
    }
    const spaces = [...this.#guests, ...this.nodes.map(({ host }) => host)];
    for (const space of [...spaces, this.stranger, this.#cables]) {
      await space[Symbol.asyncDispose]();
    }
  }

  #cloudId(number: number): string {
    return `fabric-${process.pid}-${this.#options.label}-${number}`;
  }

  async #addNode(number: number): Promise<void> {
    const host = await Namespace.create(`${this.#options.label}-node-${number}`);
    const underlayAddress = await this.#plug(host, number);
    setNetworkSettings(host.name, { 'ipv4/ip_forward': '1' });
    const node = {
      nodeId: `node-${number}` as const,
      ...{ underlayAddress, host },
      commands: commandsInNamespace(systemCommands, host.name),
      names: createNetworkNames(this.#cloudId(number)),
    };
    this.nodes.push(node as FabricNode);
    this.node(number).network = await this.open(number);
  }

  async #plug(host: Namespace, number: number): Promise<string> {
    const [cable, mtu] = [`cable${number}`, `${this.#options.mtu ?? 1_500}`];
    const peer = ['peer', 'name', 'eth0', 'mtu', mtu, 'netns', host.name];
    await this.#cables.ip('link', 'add', cable, 'mtu', mtu, 'type', 'veth', ...peer);
    await this.#cables.ip('link', 'set', cable, 'master', 'cables', 'up');
    await host.ip('link', 'set', 'eth0', 'up');
    const address = `192.0.2.${number}`;
    await host.configure(`${address}/24`);
    return address;
  }
}
