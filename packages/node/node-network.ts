// Owns how a node's network and its metadata service come up together: each needs something of the other, and both
// are there before the node is.

import type { InstanceId, NodeId } from '@ironbark/core/ids.ts';
import type { Clock } from '@ironbark/platform/clock.ts';
import type { Commands } from '@ironbark/platform/commands.ts';
import type { Logger } from '@ironbark/platform/logger.ts';
import { bindInNamespace } from '@ironbark/platform/network-namespace.ts';
import type { RandomSource } from '@ironbark/platform/random.ts';
import type { InstanceIntent } from '@ironbark/protocol/internal/instance-messages.ts';
import { limitHops } from './host/hop-limit.ts';
import type { HostNetwork } from './host/host-network.ts';
import { SimulatedNetwork } from './host/simulated-network.ts';
import { createUserNetwork } from './host/user-network.ts';
import { createVpcNetworks } from './host/vpc-networks.ts';
import type { GuestVolumeDesk } from './http/guest-volume-answers.ts';
import { startMetadataService } from './http/metadata-service.ts';

export interface NodeNetworkOptions {
  /** `bridge` needs root, `user` needs nothing, `simulated` is for guests that are simulated. */
  kind: HostNetwork['kind'];
  /** Stable for the life of the data folder; part of every name on the host. */
  cloudId: string;
  dataDir: string;
  /** By which VPCs call this node. */
  nodeId?: NodeId;
  commands: Commands;
  clock: Clock;
  random: RandomSource;
  logger: Logger;
  /** TCP ports of the host that guests on a bridge may reach, such as the cloud's own API. */
  hostPorts?: readonly number[];
}

/** What the metadata service asks of a node. */
export interface MetadataSource {
  /** With the VPC where it has a name space of its own; without, among those that the host routes. */
  findInstanceByAddress(address: string, vpcId?: string): InstanceIntent | undefined;
  onMetadataRead(id: InstanceId): void;
  readonly guestVolumes: GuestVolumeDesk;
}

/** Disposing it ends the metadata service; the network and its guests stay. */
export interface NodeNetwork extends AsyncDisposable {
  readonly network: HostNetwork;
  /** From now on guests are answered; until then they are told to come again. */
  attach(source: MetadataSource): void;
}

export async function startNodeNetwork(options: NodeNetworkOptions): Promise<NodeNetwork> {
  if (options.kind === 'simulated') return startSimulated();
  return options.kind === 'user' ? startUser(options) : startBridge(options);
}

/** Simulated guests ask for nothing. */
function startSimulated(): NodeNetwork {
  const network = new SimulatedNetwork();
  return { network, attach: () => {}, [Symbol.asyncDispose]: async () => {} };
}

async function startBridge(options: NodeNetworkOptions): Promise<NodeNetwork> {
  const source = lateSource();
  const service = await startMetadataService({
    ...options,
    ...source.callbacks,
    volumes: source.volumes,
    // Gateways come and go with their subnets; the filters admit guests only, and by their addresses.
    host: '0.0.0.0',
    port: 0,
    limitHops,
  });
  const metadataPort = service.port;
  const network = await createVpcNetworks({
    ...options,
    metadataPort,
    serveMetadata: (vpcId, namespace) =>
      startMetadataService({
        ...options,
        ...source.callbacks,
        volumes: source.volumes,
        findInstanceByAddress: (address) => source.callbacks.findInstanceByAddress(address, vpcId),
        host: '0.0.0.0',
        port: metadataPort,
        fd: bindInNamespace(namespace, metadataPort),
        limitHops,
      }),
  });
  return assemble(network, source, service);
}

async function startUser(options: NodeNetworkOptions): Promise<NodeNetwork> {
  const source = lateSource();
  const network = await createUserNetwork(options);
  const find = source.callbacks.findInstanceByAddress;
  const service = await startMetadataService({
    ...options,
    ...source.callbacks,
    host: '127.0.0.1',
    port: network.metadataPort,
    findInstanceByAddress: () => undefined,
    findInstanceBySecret: (secret) => {
      const address = network.findAddress(secret);
      return address === undefined ? undefined : find(address);
    },
    // The guest's packets end in QEMU, which opens connections of its own.
    limitHops: undefined,
  });
  return assemble(network, source, service);
}

function lateSource() {
  let source: MetadataSource | undefined;
  return {
    attach: (given: MetadataSource) => {
      source = given;
    },
    callbacks: {
      isReady: () => source !== undefined,
      findInstanceByAddress: (address: string, vpcId?: string) =>
        source?.findInstanceByAddress(address, vpcId),
      onRead: (id: InstanceId) => source?.onMetadataRead(id),
    },
    // Nobody is known, and so nobody is answered, before there is a node.
    volumes: {
      render: (instance) => source!.guestVolumes.render(instance),
      hear: (instance, id, word) => source!.guestVolumes.hear(instance, id, word),
      untilChange: (signal) => source!.guestVolumes.untilChange(signal),
    } satisfies GuestVolumeDesk,
  };
}

function assemble(
  network: HostNetwork,
  { attach }: ReturnType<typeof lateSource>,
  service: AsyncDisposable,
): NodeNetwork {
  const dispose = async () => {
    await service[Symbol.asyncDispose]();
    await network[Symbol.asyncDispose]();
  };
  return { network, attach, [Symbol.asyncDispose]: dispose };
}
