// Owns a zone over nodes in memory, for tests of the Cluster Controller.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { InstanceId, NodeId } from '@ironbark/core/ids.ts';
import { type Clock, systemClock, waitFor } from '@ironbark/platform/clock.ts';
import { silentLogger } from '@ironbark/platform/logger.ts';
import { seededRandom } from '@ironbark/platform/random.ts';
import type { PlacedInstance } from '@ironbark/protocol/internal/cluster-client.ts';
import type {
  InstanceIntent,
  InstanceObservation,
} from '@ironbark/protocol/internal/instance-messages.ts';
import type { NodeClient } from '@ironbark/protocol/internal/node-client.ts';
import type { MemoryNode } from '@ironbark/protocol/internal/testing/memory-node.ts';
import { type Cluster, startCluster } from '../main.ts';

interface ZoneOptions {
  root?: string;
  clock?: Clock;
  clients?: NodeClient[];
}

export class Zone implements AsyncDisposable {
  readonly #root: string;
  readonly #nodes: MemoryNode[];
  readonly #options: ZoneOptions;
  #cluster: Cluster | undefined;

  private constructor(root: string, nodes: MemoryNode[], options: ZoneOptions) {
    this.#root = root;
    this.#nodes = nodes;
    this.#options = options;
  }

  static async start(nodes: MemoryNode[], options: ZoneOptions = {}): Promise<Zone> {
    const root = options.root ?? (await mkdtemp(join(tmpdir(), 'ib-')));
    const zone = new Zone(root, nodes, options);
    await zone.restart();
    return zone;
  }

  get client() {
    return this.#cluster!.client;
  }

  async restart(): Promise<void> {
    await this.#cluster?.[Symbol.asyncDispose]();
    const nodes = this.#nodes.map((node, at) => ({
      nodeId: node.nodeId,
      client: this.#options.clients?.[at] ?? node,
    }));
    const clock = this.#options.clock ?? systemClock;
    const context = { clock, random: seededRandom(1), logger: silentLogger };
    this.#cluster = await startCluster({ dataDir: this.#root, zone: 'test-1a', nodes, ...context });
  }

  node(id: NodeId): MemoryNode {
    return this.#nodes.find((each) => each.nodeId === id)!;
  }

  async health(id: NodeId): Promise<string | undefined> {
    return (await this.client.describeNodes()).find((each) => each.nodeId === id)?.health;
  }

  until(what: string, probe: () => Promise<boolean> | boolean): Promise<boolean> {
    return waitFor(probe, { clock: systemClock, timeoutMs: 20_000, intervalMs: 2, what });
  }

  untilQuiet(): Promise<boolean> {
    return this.until('quiet', () => this.#cluster!.isQuiet());
  }

  async untilSeen(
    id: InstanceId,
    isSo: (seen: InstanceObservation) => boolean,
  ): Promise<InstanceObservation> {
    const probe = async () => {
      const { instances } = await this.client.changesSince(0);
      return instances.map((each) => each.observation).find((each) => each.id === id && isSo(each));
    };
    return waitFor(probe, { clock: systemClock, timeoutMs: 20_000, intervalMs: 2, what: id });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#cluster?.[Symbol.asyncDispose]();
    await rm(this.#root, { recursive: true, force: true });
  }
}

export function instanceId(digit: number): InstanceId {
  return `i-${String(digit).padStart(17, '0')}`;
}

export function placed(
  digit: number,
  nodeId: NodeId,
  changes: Partial<InstanceIntent> = {},
): PlacedInstance {
  const blob = { bucket: 'b', key: 'k', sizeBytes: 1, sha256: '', unpackedBytes: 1 };
  const intent = {
    id: instanceId(digit),
    generation: 1,
    power: 'running',
    forceStop: false,
    rebootCount: 0,
    vcpus: 1,
    memoryMib: 512,
    image: { id: 'ami-1', root: { ...blob, encoding: 'raw' } },
    interfaces: [],
    volumes: [],
    ...changes,
  };
  // The Cluster Controller passes disks and metadata on without looking at them.
  return { nodeId, intent: intent as unknown as InstanceIntent };
}
