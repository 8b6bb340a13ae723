import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { InstanceId, NodeId } from '@ironbark/core/ids.ts';
import { type Clock, systemClock } from '@ironbark/platform/clock.ts';
import { seededRandom } from '@ironbark/platform/random.ts';
import { NODE_LEASE_MS, type PlacedInstance } from '@ironbark/protocol/internal/cluster-client.ts';
import type {
  InstanceIntent,
  SubnetIntent,
} from '@ironbark/protocol/internal/instance-messages.ts';
import type { VolumeReading } from '@ironbark/protocol/internal/node-client.ts';
import { MemoryNode } from '@ironbark/protocol/internal/testing/memory-node.ts';
import { UnreliableNode } from '@ironbark/protocol/internal/testing/unreliable-node.ts';
import { instanceId, placed, Zone } from './testing/zone.ts';

const A: NodeId = 'node-a';
const B: NodeId = 'node-b';

test('an instance reaches its node alone, at once, and its state comes back', async () => {
  await using zone = await Zone.start([new MemoryNode(A), new MemoryNode(B)]);
  await zone.client.putSubnets([subnet('subnet-1')]);
  await zone.client.putInstances([placed(1, A)]);
  const startedMs = systemClock.monotonicMs();
  await zone.until('hand-over', () => zone.node(A).intent.instances.length === 1);
  // 20 ms on a quiet machine; the rest is room for a busy one, and less than the second after which all is handed over again.
  assert.ok(systemClock.monotonicMs() - startedMs < 900);
  assert.equal(zone.node(A).intent.subnets[0]?.id, 'subnet-1');
  assert.deepEqual(zone.node(B).intent.instances, []);
  const seen = await zone.untilSeen(instanceId(1), (each) => each.power === 'running');
  assert.equal(seen.generation, 1);
});

test('changes are told once, and only what has changed', async () => {
  await using zone = await Zone.start([new MemoryNode(A)]);
  await zone.client.putInstances([placed(1, A), placed(2, A)]);
  await zone.untilSeen(instanceId(2), (each) => each.power === 'running');
  const all = await zone.client.changesSince(0);
  assert.equal(all.instances.length, 2);
  assert.deepEqual((await zone.client.changesSince(all.cursor)).instances, []);
  zone.node(A).see(instanceId(1), { power: 'stopped' });
  await zone.untilSeen(instanceId(1), (each) => each.power === 'stopped');
  const news = await zone.client.changesSince(all.cursor);
  assert.deepEqual(
    news.instances.map((each) => each.observation.id),
    [instanceId(1)],
  );
  const beyond = await zone.client.changesSince(news.cursor + 1_000);
  assert.equal(beyond.instances.length, 2, 'a cursor of a lost store gives everything');
});

test('a node that has started anew is told once that what it has kept still holds', async () => {
  const node = new MemoryNode(A);
  await using zone = await Zone.start([node]);
  await zone.client.putInstances([placed(1, A)]);
  await zone.untilSeen(instanceId(1), (each) => each.power === 'running');
  await zone.untilQuiet();
  const before = node.received.length;
  node.intentIsKept = true;
  node.notify();
  await zone.until('word', () => !node.intentIsKept);
  await zone.untilQuiet();
  const [told, ...more] = node.received.slice(before);
  assert.deepEqual([told?.generation, more], [node.intent.generation, []]);
});

test('an older intent changes nothing, also for an instance that is forgotten', async () => {
  await using zone = await Zone.start([new MemoryNode(A)]);
  await zone.client.putInstances([placed(1, A, { generation: 3, power: 'terminated' })]);
  await zone.client.putInstances([placed(1, A, { generation: 2, power: 'running' })]);
  await zone.untilSeen(instanceId(1), (each) => each.power === 'terminated');
  await zone.client.forgetInstances([instanceId(1)]);
  await zone.client.putInstances([placed(1, A, { generation: 4 })]);
  await zone.until('an empty document', () => zone.node(A).intent.instances.length === 0);
  await zone.untilQuiet();
  assert.deepEqual((await zone.client.changesSince(0)).instances, []);
});

test('an instance that is not terminated is not forgotten', async () => {
  await using zone = await Zone.start([new MemoryNode(A)]);
  await zone.client.putInstances([placed(1, A)]);
  await zone.untilSeen(instanceId(1), (each) => each.power === 'running');
  await zone.client.forgetInstances([instanceId(1)]);
  await zone.untilQuiet();
  assert.equal(zone.node(A).intent.instances.length, 1);
});

test('a node that is silent for a lease is lost, and ready when it is heard again', async () => {
  const node = new MemoryNode(A);
  const clock = new MovableClock();
  await using zone = await Zone.start([node], { clock });
  await zone.until('ready', async () => (await zone.health(A)) === 'ready');
  const getReport = node.getReport.bind(node);
  node.getReport = () => Promise.reject(new Error('unreachable'));
  let news = 0;
  zone.client.onChange(() => {
    news += 1;
  });
  const generation = async () => (await zone.client.changesSince(0)).nodesGeneration;
  const before = await generation();
  clock.aheadMs = NODE_LEASE_MS;
  node.notify();
  await zone.until('lost', async () => (await zone.health(A)) === 'lost');
  await zone.until('the news', () => news > 0);
  const lost = await generation();
  assert.ok(lost > before);
  node.getReport = getReport;
  node.notify();
  await zone.until('ready again', async () => (await zone.health(A)) === 'ready');
  await zone.until('the number of that', async () => (await generation()) > lost);
});

test('console output comes from the node; an instance that is nowhere has none', async () => {
  await using zone = await Zone.start([new MemoryNode(A)]);
  await zone.client.putInstances([placed(1, A)]);
  await zone.untilSeen(instanceId(1), (each) => each.power === 'running');
  const { bytes } = await zone.client.getConsoleOutput(instanceId(1));
  assert.equal(Buffer.from(bytes).toString(), `console of ${instanceId(1)}`);
  await assert.rejects(zone.client.getConsoleOutput(instanceId(2)), { kind: 'not-found' });
});

test('volumes are read on all nodes, each of its own instances; what one that is away would have told is missing', async () => {
  await using zone = await Zone.start([new MemoryNode(A), new MemoryNode(B)]);
  const read = (digit: number): VolumeReading => ({
    volumeId: `vol-0000000${digit}`,
    instanceId: instanceId(digit),
    countedSince: 'start',
    readAtMs: 1,
    counters: { readOps: 1, writeOps: 0, readBytes: 512, writeBytes: 0, readNs: 1, writeNs: 0 },
  });
  await zone.client.putInstances([placed(1, A), placed(2, B)]);
  zone.node(A).readings = [read(1)];
  // It has one of its own, and tells of one that is elsewhere.
  const lie = { ...read(1), counters: { ...read(1).counters, readOps: 99 } };
  zone.node(B).readings = [read(2), lie];
  assert.deepEqual(await zone.client.readVolumes(), [read(1), read(2)]);
  zone.node(A).readVolumes = () => Promise.reject(new Error('away'));
  assert.deepEqual(await zone.client.readVolumes(), [read(2)]);
});

test('an unknown node is refused, and nothing is kept', async () => {
  await using zone = await Zone.start([new MemoryNode(A)]);
  const call = zone.client.putInstances([placed(1, A), placed(2, B)]);
  await assert.rejects(call, { kind: 'not-found', resource: 'node' });
  await zone.untilQuiet();
  assert.deepEqual(zone.node(A).received, []);
});

test('a restart goes on; a new store hands out nothing until it is asked for something', async () => {
  const node = new MemoryNode(A);
  const root = await mkdtemp(join(tmpdir(), 'ib-'));
  {
    await using zone = await Zone.start([node], { root: join(root, 'first') });
    await zone.client.putInstances([placed(1, A), placed(2, A)]);
    await zone.client.putInstances([placed(1, A, { generation: 2 })]);
    await zone.until('hand-over', () => node.intent.instances[0]?.generation === 2);
    await zone.restart();
    await zone.untilSeen(instanceId(1), (each) => each.generation === 2);
  }
  {
    await using zone = await Zone.start([node], { root: join(root, 'second') });
    await zone.until('ready', async () => (await zone.health(A)) === 'ready');
    await zone.client.putSubnets([subnet('subnet-1')]);
    await zone.untilQuiet();
    assert.equal(node.intent.instances.length, 2, 'the old document stands');
    await zone.client.putInstances([placed(1, A, { generation: 3 }), placed(2, A)]);
    await zone.until('a newer document', () => node.intent.instances[0]?.generation === 3);
  }
  await rm(root, { recursive: true });
});

for (const seed of [1, 2, 3, 4, 5, 6]) {
  test(`messages that are lost, doubled and late converge, seed ${seed}`, async () => {
    const random = seededRandom(seed);
    const nodes = [new MemoryNode(A), new MemoryNode(B)];
    const bad = nodes.map((node) => new UnreliableNode(node, () => random.fraction()));
    await using zone = await Zone.start(nodes, { clients: bad, clock: new HurriedClock() });
    const wanted = new Map<InstanceId, PlacedInstance>();
    for (let round = 1; round <= 30; round++) {
      const digit = Math.floor(random.fraction() * 5);
      const node = random.fraction() < 0.5 ? A : B;
      const power = random.fraction() < 0.5 ? 'running' : 'stopped';
      const next = placed(digit, node, { generation: round, power });
      const before = wanted.get(next.intent.id);
      wanted.set(next.intent.id, next);
      await zone.client.putInstances(before === undefined ? [next] : [next, before]);
    }
    const isSettled = () =>
      [A, B].every((id) => {
        const expected = [...wanted.values()].filter((each) => each.nodeId === id);
        const found = zone.node(id).intent.instances;
        return JSON.stringify(found) === JSON.stringify(expected.map((e) => e.intent).sort(byId));
      });
    await zone.until('documents', isSettled);
    const isSeen = async () => {
      const { instances } = await zone.client.changesSince(0);
      return [...wanted.values()].every(({ intent, nodeId }) =>
        instances.some(
          (each) =>
            each.nodeId === nodeId &&
            each.observation.id === intent.id &&
            each.observation.generation === intent.generation &&
            each.observation.power === intent.power,
        ),
      );
    };
    await zone.until('observations', isSeen);
  });
}

/** Time goes on by itself, and can be set ahead. */
class MovableClock implements Clock {
  aheadMs = 0;
  nowMs = () => systemClock.nowMs() + this.aheadMs;
  monotonicMs = () => systemClock.monotonicMs() + this.aheadMs;
  sleep = (ms: number, signal?: AbortSignal) => systemClock.sleep(ms, signal);
}

/** Periods pass a hundred times as fast. */
class HurriedClock implements Clock {
  nowMs = () => systemClock.nowMs();
  monotonicMs = () => systemClock.monotonicMs();
  sleep = (ms: number, signal?: AbortSignal) => systemClock.sleep(ms / 100, signal);
}

function byId(a: InstanceIntent, b: InstanceIntent): number {
  return a.id < b.id ? -1 : 1;
}

function subnet(id: SubnetIntent['id']): SubnetIntent {
  const cidr = '172.31.0.0/20';
  return { id, cidr, gatewayIp: '172.31.0.1', vpcCidr: '172.31.0.0/16', domain: 'ec2.internal' };
}
