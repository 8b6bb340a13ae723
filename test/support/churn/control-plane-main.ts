// Owns the process of a whole control plane, as `ironbark up` composes it: Walrus, a Storage Controller with real storage
// daemons, a node with simulated guests, and the EC2 API. Its orders are lines on the standard input; it dies by them.

import { appendFileSync } from 'node:fs';
import { flushCompileCache } from 'node:module';
import { createInterface } from 'node:readline';
import { createEbsHandler } from '@ironbark/cloud/http/ebs-endpoint.ts';
import { createApiHandler } from '@ironbark/cloud/http/ec2-endpoint.ts';
import { startCloud } from '@ironbark/cloud/main.ts';
import { startCluster } from '@ironbark/cluster/main.ts';
import { GIB } from '@ironbark/core/units.ts';
import { SimulatedNetwork } from '@ironbark/node/host/simulated-network.ts';
import { startNode } from '@ironbark/node/main.ts';
import { startObjects } from '@ironbark/objects/main.ts';
import { systemClock } from '@ironbark/platform/clock.ts';
import { systemCommands } from '@ironbark/platform/commands.ts';
import { listen } from '@ironbark/platform/http/server.ts';
import { createLogger } from '@ironbark/platform/logger.ts';
import { seededRandom, systemRandom } from '@ironbark/platform/random.ts';
import { startStorage } from '@ironbark/storage/main.ts';
import { createFront } from '../../../packages/cli/daemon/front.ts';
import { dataPaths } from '../../../packages/cli/daemon/paths.ts';
import { REGION } from '../../faults/workloads/signed-s3.ts';
import { type FaultShares, NO_FAULTS, PlannedFaults, say } from './planned-faults.ts';
import { withSmallGib } from './small-gib.ts';

export interface ControlPlaneOrders {
  dataDir: string;
  /** Of this process: the next one on the folder has another. */
  seed: number;
  shares: FaultShares;
}

/** `calm`: nothing goes wrong from now on. `end`: lets go of everything and ends. */
export type ControlPlaneOrder = 'calm' | 'end';

const ZONE = `${REGION}a`;
const SYSTEM_ACCOUNT = '000000000000';
const NODE_ID = 'node-churn';
const CAPACITY = {
  vcpus: 64,
  memoryMib: 64 * 1024,
  diskBytes: 4096 * GIB,
  diskFreeBytes: 4096 * GIB,
};
const HOST = '127.0.0.1';

const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const orders = JSON.parse((await lines.next()).value as string) as ControlPlaneOrders;
const paths = dataPaths(orders.dataDir);
// The choices are by the seed, the ids are not: another process may not make one again.
const faults = new PlannedFaults(seededRandom(orders.seed), paths.storage, orders.shares);
const logger = createLogger({
  write: (line) => appendFileSync(paths.log, line),
  nowMs: () => systemClock.nowMs(),
});

function shared(service: string) {
  return {
    clock: systemClock,
    random: systemRandom,
    commands: systemCommands,
    logger: logger.child({ service }),
    aroundStep: faults.aroundStep(service),
  };
}

async function compose(): Promise<AsyncDisposableStack> {
  const stack = new AsyncDisposableStack();
  const later: { identity?: Parameters<typeof startObjects>[0]['identity'] } = {};
  const objects = stack.use(
    await startObjects({
      ...shared('objects'),
      dataDir: paths.objects,
      region: REGION,
      systemAccountId: SYSTEM_ACCOUNT,
      identity: { findAccessKey: async (id) => await later.identity?.findAccessKey(id) },
    }),
  );
  const storage = stack.use(
    await startStorage({
      ...shared('storage'),
      dataDir: paths.storage,
      stateDir: paths.storageState,
      objects: objects.client,
      drivers: (drivers) => ({ ...drivers, objects: faults.objects(drivers.objects) }),
    }),
  );
  const node = stack.use(
    await startNode({
      ...shared('node'),
      dataDir: paths.node,
      nodeId: NODE_ID,
      hypervisor: 'simulated',
      network: new SimulatedNetwork(),
      objects: objects.client,
      capacity: CAPACITY,
    }),
  );
  const nodes = [{ nodeId: NODE_ID, client: node.client }] as const;
  const cluster = stack.use(
    await startCluster({
      ...shared('cluster'),
      dataDir: paths.cluster,
      zone: ZONE,
      nodes: [...nodes],
    }),
  );
  const cloud = stack.use(
    await startCloud({
      ...shared('cloud'),
      dataDir: paths.cloud,
      region: REGION,
      zone: ZONE,
      vpcCidr: '172.31.0.0/16',
      cluster: cluster.client,
      storage: withSmallGib(storage.client),
      snapshotReader: storage.snapshots,
      snapshotWriter: storage.snapshotWriter,
      objects: objects.client,
    }),
  );
  later.identity = cloud.identity;
  const { ec2, sts, iam, ebs, identity } = cloud;
  const api = { identity, region: REGION, ...shared('api') };
  const handler = createFront({
    api: createApiHandler({ ec2, sts, iam, ...api }),
    blocks: createEbsHandler({ ebs, ...api }),
    // Nobody asks for figures here.
    metrics: async (_request, response) => void response.writeHead(404).end(),
    json: async (_request, response) => void response.writeHead(404).end(),
    objects: objects.handler,
  });
  const address = { host: HOST, port: 0 };
  const listener = stack.use(await listen({ address, handler, logger, handlesContinue: true }));
  const { accessKeyId, secretAccessKey } = await cloud.adminKey();
  const endpoint = `http://${HOST}:${listener.port}`;
  say({ say: 'ready', endpoint, accessKeyId, secretAccessKey });
  return stack;
}

const running = await compose();
// Whoever is killed keeps nothing: the next process would compile all of it again.
flushCompileCache();
for await (const order of lines) {
  if ((order as ControlPlaneOrder) === 'calm') faults.shares = NO_FAULTS;
  else break;
}
await running.disposeAsync();
say({ say: 'ended', failures: faults.failures });
process.exit();
