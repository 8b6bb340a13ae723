// Owns the stand-in of a host's network: ports exist in memory only. It serves demos, scale tests and tests.

import type { InterfaceId, SubnetId } from '@ironbark/core/ids.ts';
import type { SubnetIntent } from '@ironbark/protocol/internal/instance-messages.ts';
import type { HostNetwork, PortAttachment, PortSpec } from './host-network.ts';

export class SimulatedNetwork implements HostNetwork {
  readonly kind = 'simulated';
  readonly #subnets = new Map<SubnetId, SubnetIntent>();
  readonly #ports = new Map<InterfaceId, PortSpec>();

  async ensureSubnets(subnets: readonly SubnetIntent[]): Promise<void> {
    this.#subnets.clear();
    for (const subnet of subnets) this.#subnets.set(subnet.id, subnet);
  }

  async putVpcs(): Promise<void> {}

  async ensurePort(port: PortSpec): Promise<PortAttachment> {
    this.#subnets.set(port.subnet.id, port.subnet);
    this.#ports.set(port.interfaceId, port);
    return { kind: 'simulated' };
  }

  hostInterface(): string {
    return 'simulated';
  }

  async removePort(id: InterfaceId): Promise<void> {
    this.#ports.delete(id);
  }

  async listPorts(): Promise<InterfaceId[]> {
    return [...this.#ports.keys()];
  }

  async readCounters(): Promise<never[]> {
    return [];
  }

  async takeFlows(): Promise<never[]> {
    return [];
  }

  async removeAll(): Promise<void> {
    this.#ports.clear();
    this.#subnets.clear();
  }

  async [Symbol.asyncDispose](): Promise<void> {}
}
