// Instances that leave a node for another one.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { NodeId } from '@ironbark/core/ids.ts';
import type { NodeReport } from '@ironbark/protocol/internal/instance-messages.ts';
import { MemoryNode } from '@ironbark/protocol/internal/testing/memory-node.ts';
import { instanceId, placed, Zone } from './testing/zone.ts';

const A: NodeId = 'node-a';
const B: NodeId = 'node-b';
const ID = instanceId(1);

/** With an instance that is off on A. */
async function stoppedOnA(): Promise<Zone> {
  const zone = await Zone.start([new MemoryNode(A), new MemoryNode(B)]);
  await zone.client.putInstances([placed(1, A, { power: 'stopped' })]);
  await zone.untilSeen(ID, ({ power }) => power === 'stopped');
  return zone;
}

function start(zone: Zone, nodeId: NodeId, generation: number): Promise<void> {
  return zone.client.putInstances([placed(1, nodeId, { generation })]);
}

async function lastWord(zone: Zone) {
  const { instances } = await zone.client.changesSince(0);
  return instances.map(({ nodeId, observation }) => `${nodeId} ${observation.power}`).join();
}

test('an instance that comes to another node is there alone, and the one before ends what it has of it', async () => {
  await using zone = await stoppedOnA();
  await start(zone, B, 2);
  await zone.untilSeen(ID, ({ power }) => power === 'running');
  const told = () => zone.node(A).received.flatMap(({ instances }) => instances);
  await zone.until('A hears of the end', () =>
    told().some(({ power, generation }) => power === 'terminated' && generation === 2),
  );
  await zone.until('and no more', () => zone.node(A).intent.instances.length === 0);
  assert.deepEqual((await zone.node(A).getReport()).instances, []);
  await zone.untilQuiet();
  assert.equal(await lastWord(zone), `${B} running`, 'its end there is not the instance’s');
  assert.equal(told().filter(({ power }) => power === 'running').length, 0);
});

test('a node that is away when an instance leaves it ends its part when it comes again, after a restart, too', async () => {
  await using zone = await stoppedOnA();
  const node = zone.node(A);
  const { getReport, putIntent } = node;
  const fail = async () => {
    throw new Error('away');
  };
  Object.assign(node, { getReport: fail, putIntent: fail });
  await start(zone, B, 2);
  await zone.untilSeen(ID, ({ power }) => power === 'running');
  await zone.restart();
  Object.assign(node, { getReport, putIntent });
  node.notify();
  await zone.until('A has nothing', async () => (await node.getReport()).instances.length === 0);
  await zone.untilQuiet();
  assert.equal(await lastWord(zone), `${B} running`);
});

test('an instance that went and came back does not end by the late word of its node', async () => {
  await using zone = await stoppedOnA();
  const node = zone.node(A);
  const getReport = node.getReport.bind(node);
  const late = Promise.withResolvers<NodeReport>();
  await start(zone, B, 2);
  await zone.untilSeen(ID, ({ power }) => power === 'running');
  // From now on A answers from when it had ended its part.
  const ended = { ...(await getReport()), instances: [] as NodeReport['instances'] };
  const [seen] = (await zone.node(B).getReport()).instances;
  ended.instances = [{ ...seen!, power: 'terminated', generation: 2, heardGeneration: 2 }];
  node.getReport = () => late.promise;
  await zone.client.putInstances([placed(1, B, { generation: 3, power: 'stopped' })]);
  await zone.untilSeen(ID, ({ power }) => power === 'stopped');
  await start(zone, A, 4);
  late.resolve(ended);
  node.notify();
  await zone.until('A has it', () =>
    node.intent.instances.some(({ power }) => power === 'running'),
  );
  await zone.untilQuiet();
  assert.equal(await lastWord(zone), `${B} stopped`, 'nothing that A said before counts');
  node.getReport = getReport;
  node.notify();
  await zone.untilSeen(ID, ({ power }) => power === 'running');
  assert.equal(await lastWord(zone), `${A} running`);
});

test('one that is over before another node had it is ended where it was', async () => {
  await using zone = await stoppedOnA();
  await zone.client.forgetInstances([ID]);
  const node = zone.node(A);
  await zone.until('A has nothing', async () => (await node.getReport()).instances.length === 0);
  assert.ok(node.received.some(({ instances }) => instances[0]?.power === 'terminated'));
  await start(zone, A, 9);
  await zone.untilQuiet();
  assert.equal(await lastWord(zone), '');
});
