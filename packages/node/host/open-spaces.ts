// Owns which VPCs have a name space here, and what is open of each.

import { rm } from 'node:fs/promises';
import type { InterfaceId } from '@ironbark/core/ids.ts';
import type { FlowWindow } from '@ironbark/protocol/internal/flow-messages.ts';
import { type BridgeNetwork, openBridgeNetwork } from './bridge-network.ts';
import type { NetworkNames } from './network-names.ts';
import { type NetworkPlace, vpcPlace } from './network-place.ts';
import { type PortCounters, readPortCounters } from './port-counters.ts';
import type { VpcNetworksOptions } from './vpc-networks-options.ts';
import { removeSpace } from './vpc-space.ts';

export interface Space {
  network: BridgeNetwork;
  metadata: AsyncDisposable | undefined;
  /** Ports that are being made. */
  coming: number;
  /** What it was built for: subnets, routes and addresses, but not who is in which group. */
  shape: string | undefined;
}

export function openPlace(
  options: VpcNetworksOptions,
  names: NetworkNames,
  place: NetworkPlace,
): Promise<BridgeNetwork> {
  return openBridgeNetwork({ ...options, names, place });
}

export class OpenSpaces implements AsyncDisposable {
  readonly #options: VpcNetworksOptions;
  readonly #names: NetworkNames;
  readonly #all = new Map<string, Space>();
  /** Of places that are gone. */
  readonly #lastFlows: FlowWindow[] = [];

  constructor(options: VpcNetworksOptions, names: NetworkNames) {
    this.#options = options;
    this.#names = names;
  }

  placeOf(vpcId: string): NetworkPlace {
    return vpcPlace(this.#names, vpcId, this.#options.commands);
  }

  find(vpcId: string): Space | undefined {
    return this.#all.get(vpcId);
  }

  has(vpcId: string): boolean {
    return this.#all.has(vpcId);
  }

  list(): [id: string, space: Space][] {
    return [...this.#all];
  }

  /** One that an earlier process made is taken up. */
  async open(vpcId: string): Promise<Space> {
    const network = await openPlace(this.#options, this.#names, this.placeOf(vpcId));
    const space: Space = { network, metadata: undefined, coming: 0, shape: undefined };
    this.#all.set(vpcId, space);
    return space;
  }

  /** Whether or not this process has it open. */
  async remove(vpcId: string): Promise<void> {
    const space = this.#all.get(vpcId);
    await space?.metadata?.[Symbol.asyncDispose]();
    if (space !== undefined) this.#lastFlows.push(...(await space.network.takeFlows()));
    await space?.network.endServices();
    await removeSpace({ names: this.#names, commands: this.#options.commands }, vpcId);
    await rm(this.placeOf(vpcId).directory, { recursive: true, force: true });
    this.#all.delete(vpcId);
  }

  /** The hosts' ends of their ways out. */
  uplinks(): string[] {
    const whole = this.list().filter(([, { network }]) => !network.isBare);
    return whole.map(([id]) => this.#names.uplink(id));
  }

  async hasGuests({ coming, network }: Space): Promise<boolean> {
    return coming > 0 || (await network.listPorts()).length > 0;
  }

  async findNetworkOf(port: InterfaceId): Promise<BridgeNetwork | undefined> {
    for (const { network } of this.#all.values()) {
      if ((await network.listPorts()).includes(port)) return network;
    }
    return undefined;
  }

  /** `host`, here and below: the network of what the host routes itself. */
  async listPorts(host: BridgeNetwork): Promise<InterfaceId[]> {
    const all = this.#networks(host).map((network) => network.listPorts());
    return (await Promise.all(all)).flat();
  }

  #networks(host: BridgeNetwork): BridgeNetwork[] {
    return [host, ...[...this.#all.values()].map(({ network }) => network)];
  }

  async takeFlows(host: BridgeNetwork): Promise<FlowWindow[]> {
    const taken = await Promise.all(this.#networks(host).map((network) => network.takeFlows()));
    return [...this.#lastFlows.splice(0), ...taken.flat()];
  }

  async readCounters(host: BridgeNetwork): Promise<PortCounters[]> {
    const { commands } = this.#options;
    const spaces = this.list().map(([id, { network }]) => ({
      commands: this.placeOf(id).commands,
      network,
    }));
    const counted = [{ commands, network: host }, ...spaces].map(async (place) =>
      readPortCounters(place.commands, await place.network.listPorts(), this.#names),
    );
    return (await Promise.all(counted)).flat();
  }

  /** They stay; nobody answers metadata in them any more. */
  async [Symbol.asyncDispose](): Promise<void> {
    for (const { metadata, network } of this.#all.values()) {
      await metadata?.[Symbol.asyncDispose]();
      await network[Symbol.asyncDispose]();
    }
  }
}
