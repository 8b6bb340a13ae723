// Owns the contract of a node's network: subnets as bridges, ports as taps, each findable by its name.

import type { InstanceId, InterfaceId, SubnetId } from '@ironbark/core/ids.ts';
import type { NicProfile } from '@ironbark/core/io-profile.ts';
import type { FlowWindow } from '@ironbark/protocol/internal/flow-messages.ts';
import type { SubnetIntent } from '@ironbark/protocol/internal/instance-messages.ts';
import type { VpcIntent } from '@ironbark/protocol/internal/network-messages.ts';

import type { PortCounters } from './port-counters.ts';

export interface PortSpec {
  instanceId: InstanceId;
  interfaceId: InterfaceId;
  macAddress: string;
  privateIp: string;
  subnet: SubnetIntent;
  hostname: string;
  vcpus: number;
  /** The guest's user on the host; absent when the node is not root. */
  uid?: number;
  profile: NicProfile;
  /** The guest drives volumes of its own through it: frames of AoE reach the host, and nobody else. */
  carriesStorage?: boolean;
  /** The guest drives volumes of its own over NBD: it reaches the host's port for them. */
  reachesNbd?: boolean;
  /** No guest has it now, so what it holds of the host may be chosen anew if somebody else has taken it. */
  isIdle?: boolean;
}

/** How a hypervisor plugs a NIC into the port. */
export type PortAttachment =
  | {
      kind: 'tap';
      interfaceName: string;
      queues: number;
      vhost: boolean;
      mtu: number;
      /** The network name space that the interface is in; absent: the host's own. */
      namespace?: string;
    }
  | {
      kind: 'user';
      /** The guest's ssh server, reached on the host's loopback. */
      sshPort: number;
      /** Added to the kernel's parameters: where this guest finds its metadata. */
      metadataUrl: string;
    }
  | { kind: 'simulated' };

export interface HostNetwork extends AsyncDisposable {
  readonly kind: 'bridge' | 'user' | 'simulated';
  /**
   * Makes the subnets' bridges, address service and translation, and removes those not in the list. A VPC with one of
   * the subnets is routed by the host itself; any other has a name space of its own, once it has a port here.
   * `isKept`: it is what was known before this process began, and nobody has said since that it still holds.
   */
  ensureSubnets(
    subnets: readonly SubnetIntent[],
    vpcs?: readonly VpcIntent[],
    how?: { isKept?: boolean },
  ): Promise<void>;
  /** Takes what has changed in the VPCs, such as who is in which group, to the host, without a look at all of it. */
  putVpcs(vpcs: readonly VpcIntent[]): Promise<void>;
  /** Makes the port and its lease, or repairs it. Idempotent. */
  ensurePort(port: PortSpec): Promise<PortAttachment>;
  /** The host's own interface in a subnet; undefined where guests' frames do not reach the host. */
  hostInterface(id: SubnetId): string | undefined;
  /** Removes the port and its lease; one that does not exist is fine. */
  removePort(interfaceId: InterfaceId): Promise<void>;
  /** Ports that exist on the host now, ours by their names; to find strays. */
  listPorts(): Promise<InterfaceId[]>;
  /** What the ports have moved; none where nobody counts. */
  readCounters(): Promise<PortCounters[]>;
  /** What flowed through interfaces that have a flow log since the last call; none where nobody counts. */
  takeFlows(): Promise<FlowWindow[]>;
  /** Takes the whole network of this cloud off the host. Guests must be gone. */
  removeAll(): Promise<void>;
}
