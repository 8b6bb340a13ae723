// Owns nodes with simulated guests on a data folder, for tests: started, killed and started again on the same host.

import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock, waitFor } from '@ironbark/platform/clock.ts';
import { systemCommands } from '@ironbark/platform/commands.ts';
import { silentLogger } from '@ironbark/platform/logger.ts';
import { seededRandom } from '@ironbark/platform/random.ts';
import type {
  InstanceIntent,
  SubnetIntent,
} from '@ironbark/protocol/internal/instance-messages.ts';
import type { SimulatedOptions } from '../drivers/simulated/driver.ts';
import { SimulatedNetwork } from '../host/simulated-network.ts';
import { type NodeController, type NodeOptions, startNode } from '../main.ts';
import { instanceIntent } from './instance-intent.ts';
import { createMemoryObjects } from './memory-objects.ts';

export const SUBNET: SubnetIntent = {
  id: instanceIntent().interfaces[0]!.subnetId,
  cidr: '172.31.0.0/20',
  gatewayIp: '172.31.0.1',
  vpcCidr: '172.31.0.0/16',
  domain: 'ec2.internal',
};

/** Instance number `n`, with an interface of its own. */
export function numbered(n: number, changes: Partial<InstanceIntent> = {}): InstanceIntent {
  const hex = n.toString(16).padStart(17, '0');
  const base = instanceIntent();
  const nic = { ...base.interfaces[0]!, id: `eni-${hex}` as const, privateIp: `172.31.1.${n}` };
  return instanceIntent({ id: `i-${hex}`, memoryMib: 256, interfaces: [nic], ...changes });
}

export interface NodeLab extends AsyncDisposable {
  dataDir: string;
  network: SimulatedNetwork;
  start(changes?: Partial<NodeOptions>): Promise<NodeController>;
  put(node: NodeController, instances: InstanceIntent[]): Promise<void>;
}

export async function createNodeLab(simulated: SimulatedOptions = {}): Promise<NodeLab> {
  const dataDir = await mkdtemp(join(tmpdir(), 'ironbark-node-'));
  const network = new SimulatedNetwork();
  let generation = 0;
  return {
    dataDir,
    network,
    start: (changes = {}) =>
      startNode({
        dataDir,
        nodeId: 'node-1',
        hypervisor: 'simulated',
        network,
        objects: createMemoryObjects().client,
        clock: systemClock,
        random: seededRandom(11),
        logger: silentLogger,
        commands: systemCommands,
        simulated,
        capacity: { memoryMib: 64_000 },
        ...changes,
      }),
    put: async (node, instances) => {
      generation += 1;
      await node.client.putIntent({
        nodeId: 'node-1',
        generation,
        subnets: [SUBNET],
        vpcs: [],
        instances,
      });
    },
    [Symbol.asyncDispose]: () => rm(dataDir, { recursive: true }),
  };
}

export async function untilQuiet(node: NodeController): Promise<void> {
  const timing = { clock: systemClock, timeoutMs: 30_000 };
  await waitFor(() => node.isQuiet(), { ...timing, what: 'the node is quiet' });
}

export async function powersOf(node: NodeController): Promise<string[]> {
  const { instances } = await node.client.getReport();
  return instances.map(({ power }) => power);
}

/** Names of the guests that exist on the host. */
export function guestsOf({ dataDir }: NodeLab): Promise<string[]> {
  return readdir(join(dataDir, 'simulated-guests'));
}
