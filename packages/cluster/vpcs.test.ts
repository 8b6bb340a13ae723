// Owns the tests of what nodes hear of VPCs.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { NodeId } from '@ironbark/core/ids.ts';
import type { ZoneVpc } from '@ironbark/protocol/internal/cluster-client.ts';
import { MemoryNode } from '@ironbark/protocol/internal/testing/memory-node.ts';
import type { VpcChange } from '@ironbark/protocol/internal/vpc-changes.ts';
import { MovableClock } from './testing/joined-zone.ts';
import { instanceId, placed, Zone } from './testing/zone.ts';
import { zoneVpc } from './testing/zone-vpc.ts';

const A: NodeId = 'node-a';
const B: NodeId = 'node-b';

test('a VPC reaches the nodes that have a port of it and a bridge, and no others', async () => {
  const [a, b, c] = [new MemoryNode(A), new MemoryNode(B), new MemoryNode('node-c')];
  a.network = 'bridge';
  b.network = 'bridge';
  await using zone = await Zone.start([a, b, c]);
  await zone.client.putInstances([placed(1, A), placed(2, B), placed(3, 'node-c')]);
  await zone.untilSeen(instanceId(3), (each) => each.power === 'running');
  await zone.client.putVpcs([zoneVpc(2, [A, 'node-c', undefined])]);
  await zone.until('told', () => zone.node(A).intent.vpcs[0]?.networkNumber === 2);
  await zone.client.putVpcs([zoneVpc(1, [A, B])]);
  await zone.client.putVpcs([zoneVpc(3, [B])]);
  await zone.until('moved', () => zone.node(B).intent.vpcs[0]?.networkNumber === 3);
  await zone.until('gone', () => zone.node(A).intent.vpcs.length === 0);
  assert.deepEqual(zone.node('node-c').intent.vpcs, [], 'there is nothing to build');
  const heard = new Set(zone.node('node-c').received.map(({ generation }) => generation));
  assert.equal(heard.size, 1, 'and nothing to hear');
  await zone.client.forgetVpcs([zoneVpc(3, []).intent.id]);
  await zone.until('forgotten', () => zone.node(B).intent.vpcs.length === 0);
});

test('a node that says another address each time moves once, and again after a minute', async () => {
  const [a, b] = [new MemoryNode(A), new MemoryNode(B)];
  for (const node of [a, b]) node.network = 'bridge';
  const clock = new MovableClock();
  await using zone = await Zone.start([a, b], { clock });
  await zone.client.putInstances([placed(1, A), placed(2, B)]);
  await zone.untilSeen(instanceId(2), (each) => each.power === 'running');
  let reports = 0;
  const getReport = a.getReport.bind(a);
  a.getReport = () => {
    reports += 1;
    return getReport();
  };
  const say = async (address: string) => {
    a.underlayAddress = address;
    // The second is asked for when the first was taken in.
    for (const before = reports; reports < before + 2; ) {
      const seen = reports;
      a.notify();
      await zone.until('its report', () => reports > seen);
    }
    await zone.untilQuiet();
    const [node] = await zone.client.describeNodes([A]);
    return node!.underlayAddress;
  };
  assert.equal(await say('192.0.2.1'), '192.0.2.1');
  const heard = b.received.length;
  for (const at of [2, 3, 4, 5, 6]) assert.equal(await say(`192.0.2.${at}`), '192.0.2.1');
  assert.equal(b.received.length, heard, 'nobody else hears of it');
  clock.aheadMs += 61_000;
  assert.equal(await say('192.0.2.7'), '192.0.2.7');
});

test('nodes that share a VPC are told where the others are, and of a change of that', async () => {
  const [a, b, c] = [new MemoryNode(A), new MemoryNode(B), new MemoryNode('node-c')];
  for (const [at, node] of [a, b, c].entries()) {
    node.network = 'bridge';
    node.underlayAddress = `192.0.2.${at + 1}`;
  }
  await using zone = await Zone.start([a, b, c]);
  await zone.client.putInstances([placed(1, A), placed(2, B), placed(3, 'node-c')]);
  await zone.untilSeen(instanceId(3), (each) => each.power === 'running');
  await zone.client.putVpcs([zoneVpc(2, [A, B])]);
  const locations = (id: NodeId) => zone.node(id).intent.vpcs[0]?.locations;
  await zone.until('told', () => locations(A)?.length === 2 && locations(B)?.length === 2);
  const addresses = (id: NodeId) => locations(id)?.map((each) => each.underlayAddress);
  assert.deepEqual(addresses(A), ['192.0.2.1', '192.0.2.2']);
  b.underlayAddress = '192.0.2.9';
  b.notify();
  await zone.until('told', () => addresses(A)?.[1] === '192.0.2.9');
  await zone.client.putVpcs([zoneVpc(3, [A])]);
  await zone.until('alone', () => zone.node(A).intent.vpcs[0]?.networkNumber === 3);
  assert.deepEqual(addresses(A), ['192.0.2.1']);
});

test('nodes of peered VPCs are told both, and where the guests of both are, until the peering ends', async () => {
  const [a, b] = [new MemoryNode(A), new MemoryNode(B)];
  for (const [at, node] of [a, b].entries()) {
    node.network = 'bridge';
    node.underlayAddress = `192.0.2.${at + 1}`;
  }
  await using zone = await Zone.start([a, b]);
  await zone.client.putInstances([placed(1, A), placed(2, B)]);
  await zone.untilSeen(instanceId(2), (each) => each.power === 'running');
  const one = (generation: number) => zoneVpc(generation, [A]);
  const other = (generation: number): ZoneVpc => {
    const { intent } = zoneVpc(generation, [B]);
    return { generation, intent: { ...intent, id: 'vpc-00000000000000002' } };
  };
  const [idOfOne, idOfOther] = [one(1).intent.id, other(1).intent.id];
  const peered = ({ generation, intent }: ZoneVpc, peer: typeof idOfOne) => ({
    ...{ generation, intent: { ...intent, peers: [peer] } },
  });
  await zone.client.putVpcs([one(1), other(1)]);
  const told = (id: NodeId) => zone.node(id).intent.vpcs;
  await zone.until('apart', () => told(A).length === 1 && told(B).length === 1);
  await zone.client.putVpcs([peered(one(2), idOfOther)]);
  await zone.client.putVpcs([peered(other(2), idOfOne)]);
  const knowsBoth = (id: NodeId) =>
    told(id).length === 2 && told(id).every(({ locations }) => locations?.length === 2);
  await zone.until('told', () => knowsBoth(A) && knowsBoth(B));
  await zone.client.putVpcs([one(3)]);
  await zone.client.putVpcs([other(3)]);
  await zone.until('apart again', () => told(A).length === 1 && told(B).length === 1);
  assert.deepEqual([told(A)[0]!.id, told(B)[0]!.id], [idOfOne, idOfOther]);
});

test('a change of a VPC is told as no more than that, and all of it where something is missing', async () => {
  const a = new MemoryNode(A);
  a.network = 'bridge';
  await using zone = await Zone.start([a]);
  await zone.client.putInstances([placed(1, A)]);
  await zone.untilSeen(instanceId(1), (each) => each.power === 'running');
  const start = Date.now();
  const { ports, ...frame } = zoneVpc(1, [A, A, 'node-x']).intent;
  const [one, two, three] = ports;
  const change = (step: number, changed: typeof ports, gone: typeof ports = []): VpcChange => ({
    ...{ since: start + step - 1, generation: start + step },
    frame: { ...frame, networkNumber: step },
    ports: changed,
    gone: gone.map(({ interfaceId }) => interfaceId),
  });
  const { id } = frame;
  assert.deepEqual(
    await zone.client.changeVpcs([change(1, [one!])]),
    [id],
    'nothing is known of it',
  );
  await zone.client.putVpcs([{ generation: start, intent: { ...frame, ports: [one!, two!] } }]);
  const at = (step: number) =>
    zone.until(`step ${step}`, () => zone.node(A).intent.vpcs[0]?.networkNumber === step);
  await at(1);
  const moved = { ...two!, privateIps: ['10.0.0.99'] };
  assert.deepEqual(await zone.client.changeVpcs([change(1, [moved, three!], [one!])]), []);
  assert.deepEqual(await zone.client.changeVpcs([change(1, [])]), [], 'it came twice');
  assert.deepEqual(await zone.client.changeVpcs([change(3, [])]), [id], 'one is missing');
  const isThere = () => zone.node(A).intent.vpcs[0]!.ports.length === 2;
  await zone.until(
    'changed',
    () => isThere() && a.intent.vpcs[0]!.ports[0]!.privateIps[0] === '10.0.0.99',
  );
  assert.deepEqual(a.intent.vpcs[0]!.ports, [moved, three]);
  const heard = a.received.at(-1)!;
  assert.deepEqual(heard.vpcs, []);
  assert.deepEqual(heard.vpcChanges![0]!.gone, [one!.interfaceId]);
  assert.equal(heard.vpcChanges![0]!.ports.length, 2);
  // A node that has lost what it knew refuses, and gets all of it.
  a.intent = { ...a.intent, vpcs: [], vpcVersions: [] };
  await zone.client.changeVpcs([change(2, [one!])]);
  await at(2);
  assert.equal(a.intent.vpcs[0]!.ports.length, 3);
  await zone.restart();
  await zone.client.changeVpcs([change(3, [], [two!])]);
  await at(3);
  assert.deepEqual(a.intent.vpcs[0]!.ports.map(({ interfaceId }) => interfaceId).sort(), [
    one!.interfaceId,
    three!.interfaceId,
  ]);
});
