// Requests to a node and its answers get lost one way, each by itself: what is wanted happens once, what is ended
// ends, and nothing is left over when the loss ends. Controllers and node share a host today, where nothing is
// lost on the way, so the loss is between the two ends of the contract by which they speak.

import { join } from 'node:path';
import { startCluster } from '@ironbark/cluster/main.ts';
import type { InstanceId } from '@ironbark/core/ids.ts';
import { createNodeLab, guestsOf, numbered, SUBNET } from '@ironbark/node/testing/node-lab.ts';
import { systemClock } from '@ironbark/platform/clock.ts';
import { silentLogger } from '@ironbark/platform/logger.ts';
import { seededRandom } from '@ironbark/platform/random.ts';
import type { FlowReading } from '@ironbark/protocol/internal/flow-messages.ts';
import type { NodeIntent, NodeReport } from '@ironbark/protocol/internal/instance-messages.ts';
import type {
  ConsoleOutput,
  NetworkReading,
  NodeClient,
  VolumeReading,
} from '@ironbark/protocol/internal/node-client.ts';
import { eventually } from '../../support/cloud-under-test.ts';
import { type Figure, medianFigure, zeroFigure } from '../../support/figures.ts';
import type { Scenario } from './scenario.ts';

const LOSSES = 4;
/** Two periods in which a cluster asks its nodes, and some for a busy host. */
const SETTLE_BAR_MS = 10_000;
const PATIENCE = { timeoutMs: 30_000, intervalMs: 50 };

type Loss = 'requests' | 'answers';

export const lostMessages: Scenario = async () => [
  ...(await loseOneWay('requests')),
  ...(await loseOneWay('answers')),
];

async function loseOneWay(loss: Loss): Promise<Figure[]> {
  await using lab = await createNodeLab();
  await using node = await lab.start();
  const lossy = new LossyNode(node.client);
  await using cluster = await startCluster({
    dataDir: join(lab.dataDir, 'cluster'),
    zone: 'z',
    nodes: [{ nodeId: 'node-1', client: lossy }],
    clock: systemClock,
    random: seededRandom(1),
    logger: silentLogger,
  });
  const place = async (power: 'running' | 'terminated', [from, to]: readonly [number, number]) => {
    const generation = power === 'running' ? 1 : 2;
    const numbers = Array.from({ length: to - from }, (_, index) => from + index);
    const intents = numbers.map((number) => numbered(number, { power, generation }));
    await cluster.client.putInstances(intents.map((intent) => ({ nodeId: 'node-1', intent })));
  };
  await cluster.client.putSubnets([SUBNET]);
  await place('running', [1, 21]);
  const count = async () => (await guestsOf(lab)).length;
  await eventually('all of them', async () => (await count()) === 20, PATIENCE);
  lossy.loss = loss;
  await place('terminated', [1, 11]);
  await place('running', [21, 31]);
  await eventually('some losses', async () => lossy.lost >= LOSSES, PATIENCE);
  lossy.loss = undefined;
  const endedMs = systemClock.monotonicMs();
  const wanted = Array.from({ length: 20 }, (_, index) => `${numbered(index + 11).id}.json`);
  const isSettled = async () => (await guestsOf(lab)).sort().join() === wanted.join();
  const isRight = await eventually('what is wanted', isSettled, PATIENCE).catch(() => false);
  const settledMs = systemClock.monotonicMs() - endedMs;
  return [
    zeroFigure(`lost ${loss}: guests that are missing or too many`, isRight ? 0 : 1),
    medianFigure(`lost ${loss}: settled after the loss, ms`, [settledMs], SETTLE_BAR_MS),
  ];
}

/** Either nothing reaches the node, or nothing comes back from it. */
class LossyNode implements NodeClient {
  loss: Loss | undefined;
  lost = 0;
  readonly #node: NodeClient;

  constructor(node: NodeClient) {
    this.#node = node;
  }

  putIntent(intent: NodeIntent): Promise<void> {
    return this.#ask(() => this.#node.putIntent(intent));
  }

  getReport(): Promise<NodeReport> {
    return this.#ask(() => this.#node.getReport());
  }

  getConsoleOutput(id: InstanceId): Promise<ConsoleOutput> {
    return this.#ask(() => this.#node.getConsoleOutput(id));
  }

  readVolumes(): Promise<VolumeReading[]> {
    return this.#ask(() => this.#node.readVolumes());
  }

  readNetwork(): Promise<NetworkReading[]> {
    return this.#ask(() => this.#node.readNetwork());
  }

  readFlows(after: number): Promise<FlowReading> {
    return this.#ask(() => this.#node.readFlows(after));
  }

  onChange(listener: () => void): () => void {
    return this.#node.onChange(() => {
      if (this.loss === undefined) listener();
    });
  }

  async #ask<Answer>(request: () => Promise<Answer>): Promise<Answer> {
    const { loss } = this;
    if (loss !== undefined) this.lost += 1;
    if (loss === 'requests') throw new Error('the request was lost');
    const answer = await request();
    if (loss === 'answers') throw new Error('the answer was lost');
    return answer;
  }
}
