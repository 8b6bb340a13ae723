// Owns the choice of the node's network and the metadata service that belongs to it.

import { createBridgeNetwork } from '@ironbark/node/host/bridge-network.ts';
import type { HostNetwork } from '@ironbark/node/host/host-network.ts';
import { limitHops } from '@ironbark/node/host/hop-limit.ts';
import { SimulatedNetwork } from '@ironbark/node/host/simulated-network.ts';
import { createUserNetwork } from '@ironbark/node/host/user-network.ts';
import { type MetadataServiceOptions, startMetadataService } from '@ironbark/node/http/metadata-service.ts';
import type { NodeController } from '@ironbark/node/main.ts';
import type { ComposeOptions } from './compose.ts';

export interface OpenNetworkOptions extends ComposeOptions {
  /** The node starts after its network. */
  findNode: () => NodeController | undefined;
}

export async function openNetwork(options: OpenNetworkOptions, stack: AsyncDisposableStack): Promise<HostNetwork> {
  const { config } = options;
  if (config.network === 'simulated') return stack.use(new SimulatedNetwork());
  return config.network === 'bridge' ? await openBridge(options, stack) : await openUser(options, stack);
}

async function openBridge(options: OpenNetworkOptions, stack: AsyncDisposableStack): Promise<HostNetwork> {
  const { config, commands, clock, logger } = options;
  // Rules of the network let only guests in, each under its own address.
  const metadata = stack.use(await startMetadataService({ ...metadataOptions(options), host: '0.0.0.0', limitHops }));
  return stack.use(
    await createBridgeNetwork({ cloudId: config.cloudId, commands, clock, logger, metadataPort: metadata.port }),
  );
}

async function openUser(options: OpenNetworkOptions, stack: AsyncDisposableStack): Promise<HostNetwork> {
  const { paths, random, findNode } = options;
  const network = stack.use(await createUserNetwork({ dataDirectory: paths.node, random }));
  const metadata = await startMetadataService({
    ...metadataOptions(options),
    host: '127.0.0.1',
    port: network.metadataPort,
    limitHops: undefined,
    findInstanceBySecret: (secret) => {
      const id = network.findInstance(secret);
      return id === undefined ? undefined : findNode()?.findInstance(id);
    },
  });
  stack.use(metadata);
  return network;
}

function metadataOptions({ clock, random, logger, findNode }: OpenNetworkOptions): Omit<MetadataServiceOptions, 'host' | 'limitHops'> {
  return {
    port: 0,
    clock,
    random,
    logger: logger.child({ service: 'metadata' }),
    findInstanceByAddress: (address) => findNode()?.findInstanceByAddress(address),
    onRead: (id) => findNode()?.onMetadataRead(id),
  };
}
