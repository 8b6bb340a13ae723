// Owns how the daemon brings up its node: the network, then what runs on it.

import type { HostNetwork } from '@ironbark/node/host/host-network.ts';
import { type NodeController, type NodeOptions, startNode } from '@ironbark/node/main.ts';
import { startNodeNetwork } from '@ironbark/node/node-network.ts';
import type { GuestTargets } from '@ironbark/protocol/internal/guest-targets.ts';
import type { DaemonParts } from './daemon-parts.ts';

export interface OpenNodeOptions extends DaemonParts {
  objects: NodeOptions['objects'];
  volumesServed?: () => Promise<void>;
  guestTargets?: GuestTargets;
  gates?: NodeOptions['gates'];
}

/** Disposing it leaves guests and network as they are. */
export interface OpenedNode extends AsyncDisposable {
  node: NodeController;
  network: HostNetwork;
}

/** Simulated guests take nothing; a simulated node is the same on every host. */
const SIMULATED_CAPACITY = { vcpus: 64, memoryMib: 64 * 1024 };

export async function openNode(options: OpenNodeOptions): Promise<OpenedNode> {
  await using starting = new AsyncDisposableStack();
  const { config, paths, clock, random, logger, commands, objects } = options;
  const { volumesServed, guestTargets, gates } = options;
  const shared = { clock, random, commands, dataDir: paths.node };
  const nodeNetwork = starting.use(
    await startNodeNetwork({
      ...shared,
      kind: config.network,
      cloudId: config.cloudId,
      nodeId: config.nodeId,
      logger: logger.child({ service: 'network' }),
    }),
  );
  const { network } = nodeNetwork;
  const node = starting.use(
    await startNode({
      ...shared,
      nodeId: config.nodeId,
      facts: {
        version: options.version,
        ...(gates === undefined ? {} : { opensGates: true }),
        ...(config.underlayAddress === undefined
          ? {}
          : { underlayAddress: config.underlayAddress }),
      },
      hypervisor: config.hypervisor,
      network,
      objects,
      logger: logger.child({ service: 'node' }),
      ...(volumesServed === undefined ? {} : { volumesServed }),
      ...(guestTargets === undefined ? {} : { guestTargets }),
      ...(gates === undefined ? {} : { gates }),
      ...(config.simulated === undefined ? {} : { simulated: config.simulated }),
      ...(config.hypervisor === 'simulated' ? { capacity: SIMULATED_CAPACITY } : {}),
    }),
  );
  nodeNetwork.attach(node);
  const running = starting.move();
  return { node, network, [Symbol.asyncDispose]: () => running.disposeAsync() };
}
