// Owns the embedded cloud: every service in one process, joined by the same contracts that join them over a
// network elsewhere. Started from the bottom (objects, storage, network, node) to the top (cloud, API), and let go the
// other way round.

import { createApiHandler } from '@ironbark/cloud/http/ec2-endpoint.ts';
import { type Cloud, startCloud } from '@ironbark/cloud/main.ts';
import { startCluster } from '@ironbark/cluster/main.ts';
import type { HostNetwork } from '@ironbark/node/host/host-network.ts';
import { type NodeController, startNode } from '@ironbark/node/main.ts';
import { type NodeNetwork, startNodeNetwork } from '@ironbark/node/node-network.ts';
import { type Objects, startObjects } from '@ironbark/objects/main.ts';
import type { Clock } from '@ironbark/platform/clock.ts';
import type { Commands } from '@ironbark/platform/commands.ts';
import { listen } from '@ironbark/platform/http/server.ts';
import type { Logger } from '@ironbark/platform/logger.ts';
import type { RandomSource } from '@ironbark/platform/random.ts';
import { type Storage, startStorage } from '@ironbark/storage/main.ts';
import type { CloudConfig } from '../cloud-config.ts';
import { createFront } from './front.ts';
import type { DataPaths } from './paths.ts';

export interface ComposeOptions {
  config: CloudConfig;
  paths: DataPaths;
  clock: Clock;
  random: RandomSource;
  logger: Logger;
  commands: Commands;
}

/** Disposing it leaves guests, volumes' targets and the network as they are; the next one takes them up. */
export interface EmbeddedCloud extends AsyncDisposable {
  endpoint: string;
  cloud: Cloud;
  node: NodeController;
  objects: Objects;
  /** Stops every guest and takes everything of this cloud off the host. Dispose it afterwards. */
  halt(): Promise<void>;
}

/** How long guests get to power down before they are switched off. */
const GUEST_GRACE_MS = 30_000;
/** Owns the buckets of images and snapshots; no key speaks for it. */
const SYSTEM_ACCOUNT = '000000000000';
/** Simulated guests take nothing; a simulated node is the same on every host. */
const SIMULATED_CAPACITY = { vcpus: 64, memoryMib: 64 * 1024 };

export async function composeCloud(options: ComposeOptions): Promise<EmbeddedCloud> {
  await using starting = new AsyncDisposableStack();
  const { config, paths, clock, random, logger, commands } = options;
  const shared = { clock, random, logger, commands };
  const region = config.region;
  // Walrus asks who signed; the answer is the cloud's, which starts after it.
  const later: { cloud?: Cloud } = {};

  const objects = starting.use(
    await startObjects({
      ...named(shared, 'objects'),
      dataDir: paths.objects,
      region,
      systemAccountId: SYSTEM_ACCOUNT,
      identity: { findAccessKey: async (id) => await later.cloud?.identity.findAccessKey(id) },
    }),
  );
  // Before the node: a guest whose volume is not served may keep its hypervisor from answering.
  const storage = starting.use(
    await startStorage({
      ...named(shared, 'storage'),
      dataDir: paths.storage,
      objects: objects.client,
      target: config.hypervisor === 'simulated' ? 'simulated' : 'qemu-storage-daemon',
    }),
  );
  const nodeNetwork = starting.use(await openNetwork(options));
  const { network } = nodeNetwork;
  const node = starting.use(await openNode(options, network, objects));
  nodeNetwork.attach(node);
  const zone = `${region}a`;
  const nodes = [{ nodeId: config.nodeId, client: node.client }];
  const cluster = starting.use(
    await startCluster({ ...named(shared, 'cluster'), dataDir: paths.cluster, zone, nodes }),
  );
  const cloud = starting.use(
    await startCloud({
      ...named(shared, 'cloud'),
      dataDir: paths.cloud,
      region,
      zone,
      vpcCidr: config.vpcCidr,
      allowSharedEmulation: config.allowSharedEmulation === true,
      cluster: cluster.client,
      storage: storage.client,
      objects: objects.client,
    }),
  );
  later.cloud = cloud;
  starting.use(await openFront(options, cloud, objects));
  const running = starting.move();
  return {
    endpoint: `http://${config.host}:${config.port}`,
    cloud,
    node,
    objects,
    halt: async () => await haltAll(node, storage, network),
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  };
}

function named<Shared extends { logger: Logger }>(shared: Shared, service: string): Shared {
  return { ...shared, logger: shared.logger.child({ service }) };
}

function openNetwork({
  config,
  paths,
  clock,
  random,
  logger,
  commands,
}: ComposeOptions): Promise<NodeNetwork> {
  return startNodeNetwork({
    kind: config.network,
    cloudId: config.cloudId,
    dataDir: paths.node,
    commands,
    clock,
    random,
    logger: logger.child({ service: 'network' }),
  });
}

function openNode(
  { config, paths, clock, random, logger, commands }: ComposeOptions,
  network: HostNetwork,
  objects: Objects,
): Promise<NodeController> {
  return startNode({
    dataDir: paths.node,
    nodeId: config.nodeId,
    hypervisor: config.hypervisor,
    network,
    objects: objects.client,
    clock,
    random,
    logger: logger.child({ service: 'node' }),
    commands,
    ...(config.simulated === undefined ? {} : { simulated: config.simulated }),
    ...(config.hypervisor === 'simulated' ? { capacity: SIMULATED_CAPACITY } : {}),
  });
}

function openFront(
  { config, clock, random, logger }: ComposeOptions,
  cloud: Cloud,
  objects: Objects,
) {
  const { ec2, sts, identity } = cloud;
  const api = createApiHandler({
    ec2,
    sts,
    identity,
    region: config.region,
    clock,
    random,
    logger,
  });
  return listen({
    address: { host: config.host, port: config.port },
    handler: createFront({ api, objects: objects.handler }),
    logger,
    handlesContinue: true,
    // Large uploads take long; the services watch that each makes progress.
    requestTimeoutMs: 0,
  });
}

/** Guests first, then what they stood on. */
async function haltAll(
  node: NodeController,
  storage: Storage,
  network: HostNetwork,
): Promise<void> {
  await node.halt({ timeoutMs: GUEST_GRACE_MS });
  await storage.halt();
  await network.removeAll();
}
