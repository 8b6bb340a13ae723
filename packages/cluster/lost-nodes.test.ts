// Nodes that are removed with what is on them.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { systemClock, waitFor } from '@ironbark/platform/clock.ts';
import { CALL_SESSION } from '@ironbark/platform/http/call-session.ts';
import { findGate } from './http/node-door.ts';
import { ACCESS, type Host, INSTANCE, JoinedZone } from './testing/joined-zone.ts';

const LOST = { name: 'n1', isLost: true };

/** A zone whose node n1 has an instance that runs. */
async function zoneWithInstance(): Promise<{ zone: JoinedZone; host: Host }> {
  const zone = await JoinedZone.start();
  const host = await zone.join('n1');
  await zone.untilState('n1', 'ready');
  await zone.place(host.nodeId, 'running');
  await zone.until('the guest', async () => (await powers(zone)).join() === 'running');
  return { zone, host };
}

async function powers(zone: JoinedZone): Promise<string[]> {
  const { instances } = await zone.cluster.client.changesSince(0);
  return instances.map(({ observation }) => observation.power);
}

/** The end of its connection may be seen a moment later. */
function removeOnceAway(zone: JoinedZone): Promise<boolean> {
  return zone.until('the node may be removed', () =>
    zone.admin.removeNode(LOST).then(
      () => true,
      () => false,
    ),
  );
}

async function loseHost(zone: JoinedZone, host: Host): Promise<void> {
  await host.hangUp();
  zone.clock.aheadMs += 31_000;
  await zone.untilState('n1', 'away');
}

test('a node that is away for good is removed, and its instances are over, over a restart, too', async () => {
  const { zone, host } = await zoneWithInstance();
  await using _ = zone;
  await loseHost(zone, host);
  await assert.rejects(zone.admin.removeNode({ name: 'n1' }), { kind: 'in-use' });
  const { cursor, nodesGeneration } = await zone.cluster.client.changesSince(0);
  const removed = await zone.admin.removeNode(LOST);
  assert.equal(removed.instances, 1);
  const changes = await zone.cluster.client.changesSince(cursor);
  assert.ok(changes.nodesGeneration > nodesGeneration, 'whoever places instances hears of it');
  const [{ nodeId, observation } = assert.fail()] = changes.instances;
  assert.equal(nodeId, host.nodeId, 'the word of the node that the cloud placed it on');
  assert.deepEqual([observation.power, observation.generation], ['terminated', 1]);
  assert.match(observation.reason!, /node n1 was lost/);
  await assert.rejects(zone.place(host.nodeId, 'terminated'), { kind: 'not-found' });
  await zone.restart();
  assert.deepEqual(await powers(zone), ['terminated']);
  assert.equal((await zone.nodes()).length, 1);
  await zone.cluster.client.forgetInstances([INSTANCE]);
  assert.deepEqual(await powers(zone), []);
  await assert.rejects(zone.admin.removeNode(LOST), { kind: 'not-found' });
});

test('a lost node that comes back is sent away, told why, and gets nothing', async () => {
  const { zone, host } = await zoneWithInstance();
  await using _ = zone;
  await loseHost(zone, host);
  await zone.admin.removeNode(LOST);
  const socket = await host.dial(CALL_SESSION);
  if (!socket.destroyed) await once(socket, 'close');
  assert.deepEqual(await host.ask('hello'), { isNode: false, wasLost: true });
  await assert.rejects(host.images().getObject({ bucket: 'images', key: 'root' }));
  const asked = { id: 'vol-00000000000000001', opening: 1 };
  await assert.rejects(host.ask('findGate', asked), /no such call/);
  assert.deepEqual(await powers(zone), ['terminated']);
  await using other = await zone.join('n1');
  assert.notEqual(other.nodeId, host.nodeId, 'its name is free');
});

test('connections that a lost node still has end with it, and it is told of no gate that it has asked for before', async () => {
  const { zone, host } = await zoneWithInstance();
  await using _ = zone;
  const asked = { id: 'vol-00000000000000001', opening: 1 };
  assert.ok(await host.ask('findGate', asked));
  // Beside the one by which it is heard of.
  const kept = await host.dial('http/1.1');
  await loseHost(zone, host);
  assert.equal(kept.resume().destroyed, false);
  await removeOnceAway(zone);
  // By itself it would be closed after 20 s without a request.
  const timing = { clock: systemClock, timeoutMs: 5_000, what: 'the end of a connection' };
  await waitFor(() => kept.destroyed, timing);
  await assert.rejects(host.ask('findGate', asked), /no such call/);

  let isNode = true;
  const answer = Promise.withResolvers<typeof ACCESS & { key: string }>();
  const options = {
    membership: { has: () => isNode },
    gates: { findGate: () => answer.promise },
  };
  const answers = Promise.allSettled([findGate(options, host.nodeId, asked)]);
  isNode = false;
  answer.resolve({ ...ACCESS, key: 'ab'.repeat(32) });
  const [answered] = await answers;
  assert.equal(answered.status, 'rejected');
  assert.match(String(answered.reason), /no node of the cloud any more/);
});

test('a node that is there, or may be on its way, is not lost', async () => {
  const { zone, host } = await zoneWithInstance();
  await using _ = zone;
  await assert.rejects(zone.admin.removeNode(LOST), { kind: 'incorrect-state' });
  // Connected, and silent for longer than a lease.
  host.node.getReport = () => new Promise(() => {});
  zone.clock.aheadMs += 31_000;
  await zone.untilState('n1', 'away');
  await assert.rejects(zone.admin.removeNode(LOST), { kind: 'incorrect-state' });
  await zone.restart();
  await zone.untilState('n1', 'away');
  await assert.rejects(zone.admin.removeNode(LOST), {
    kind: 'unavailable',
    message: /may be on its way; ask again in \d+ s/,
  });
  const front = (await zone.nodes()).find(({ isFront }) => isFront);
  await assert.rejects(zone.admin.removeNode({ ...LOST, name: front!.name }), {
    kind: 'operation-not-permitted',
  });
});

test('of a removal, a node that comes back and a launch each has its turn: no instance is left behind', async () => {
  for (const first of ['removal', 'launch', 'return'] as const) {
    const { zone, host } = await zoneWithInstance();
    await using _ = zone;
    await loseHost(zone, host);
    const acts = {
      removal: () => zone.admin.removeNode(LOST),
      launch: () => zone.place(host.nodeId, 'running'),
      return: () => host.connect(),
    };
    const order = [first, ...(['removal', 'launch', 'return'] as const).filter((a) => a !== first)];
    await Promise.allSettled(order.map((name) => acts[name]()));
    const isNode = (await zone.nodes()).some(({ nodeId }) => nodeId === host.nodeId);
    if (isNode) await zone.untilState('n1', 'ready');
    assert.deepEqual(await powers(zone), [isNode ? 'running' : 'terminated'], first);
  }
});

test('a report that was under way while its node was removed changes nothing', async () => {
  const { zone, host } = await zoneWithInstance();
  await using _ = zone;
  const getReport = host.node.getReport.bind(host.node);
  const asked = Promise.withResolvers<void>();
  const answer = Promise.withResolvers<void>();
  host.node.getReport = async () => {
    asked.resolve();
    await answer.promise;
    const report = await getReport();
    return { ...report, instances: report.instances.map((one) => ({ ...one, rebootCount: 7 })) };
  };
  host.node.notify();
  await asked.promise;
  zone.clock.aheadMs += 31_000;
  await zone.untilState('n1', 'away');
  // The link is cut in the moment of the removal: what was asked before may still be answered.
  const hangingUp = host.hangUp();
  await removeOnceAway(zone);
  answer.resolve();
  await hangingUp;
  assert.deepEqual(await powers(zone), ['terminated']);
});

const ON_VOLUME = { rootDisk: { volumeId: 'vol-00000000000000001' } };

test('a node that has none but stopped instances on volumes is removed, and each is said to have lost its node', async () => {
  const { zone, host } = await zoneWithInstance();
  await using _ = zone;
  await zone.place(host.nodeId, 'stopped', { ...ON_VOLUME, generation: 2 });
  const isStopped = async () => (await powers(zone)).join() === 'stopped';
  await zone.until('its end', isStopped);
  await zone.place(host.nodeId, 'stopped', { generation: 3 });
  await zone.until('it is on no volume now', async () => {
    const { instances } = await zone.cluster.client.changesSince(0);
    return instances[0]!.observation.generation === 3;
  });
  await assert.rejects(zone.admin.removeNode({ name: 'n1' }), { kind: 'in-use' });
  await zone.place(host.nodeId, 'stopped', { ...ON_VOLUME, generation: 4 });
  await zone.until('the node may be removed', () =>
    zone.admin.removeNode({ name: 'n1' }).then(
      () => true,
      () => false,
    ),
  );
  const [{ observation, isNodeGone } = assert.fail()] = (await zone.cluster.client.changesSince(0))
    .instances;
  assert.deepEqual([observation.power, observation.generation], ['terminated', 4]);
  assert.match(observation.reason!, /node n1 was removed/);
  assert.equal(isNodeGone, true);
  await zone.place('node-front', 'running', { ...ON_VOLUME, generation: 5 });
  await zone.until('it runs at the front', async () => (await powers(zone)).join() === 'running');
});

test('an instance that is lost once more is over on the node that was lost last', async () => {
  const { zone, host } = await zoneWithInstance();
  await using _ = zone;
  await loseHost(zone, host);
  await zone.admin.removeNode(LOST);
  const other = await zone.join('n2');
  await zone.untilState('n2', 'ready');
  await other.hangUp();
  await zone.place(other.nodeId, 'running', { ...ON_VOLUME, generation: 5 });
  zone.clock.aheadMs += 31_000;
  await zone.untilState('n2', 'away');
  await zone.admin.removeNode({ name: 'n2', isLost: true });
  const { instances } = await zone.cluster.client.changesSince(0);
  assert.deepEqual(
    instances.map(({ nodeId, observation }) => [nodeId, observation.power, observation.generation]),
    [[other.nodeId, 'terminated', 5]],
  );
});
