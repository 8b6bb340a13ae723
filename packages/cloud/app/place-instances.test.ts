// Owns the tests of placement.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { GIB } from '@ironbark/core/units.ts';
import { seededRandom } from '@ironbark/platform/random.ts';
import { type NodeRoom, type PlacementDemand, placeInstances } from './place-instances.ts';

const ALICE = '111111111111';
const BOB = '222222222222';

function room(name: string, values: Partial<NodeRoom> = {}): NodeRoom {
  return {
    nodeId: `node-${name}`,
    hostname: name,
    health: 'ready',
    freeVcpus: 8,
    freeMemoryMib: 4096,
    freeDiskBytes: 100 * GIB,
    takesAnyAccount: true,
    accounts: new Set(),
    groups: new Map(),
    ...values,
  };
}

function demand(id: string, values: Partial<PlacementDemand> = {}): PlacementDemand {
  return {
    id: `i-${id}`,
    accountId: ALICE,
    vcpus: 1,
    memoryMib: 1024,
    rootDiskBytes: GIB,
    ...values,
  };
}

test('instances go where most memory is free, the first asked first', () => {
  const nodes = [room('a', { freeMemoryMib: 2048 }), room('b', { freeMemoryMib: 3072 })];
  const { placed, refused } = placeInstances(
    ['1', '2', '3', '4', '5', '6'].map((id) => demand(id)),
    nodes,
  );
  assert.deepEqual(
    placed.map(({ nodeId }) => nodeId),
    ['node-b', 'node-a', 'node-b', 'node-a', 'node-b'],
  );
  assert.deepEqual(
    refused.map(({ id }) => id),
    ['i-6'],
  );
});

test('a node that is no boundary between accounts takes the guests of one', () => {
  const emulating = (name: string, ...accounts: string[]) =>
    room(name, { takesAnyAccount: false, accounts: new Set(accounts) });
  const ofBob = (id: string) => demand(id, { accountId: BOB });
  const nodeOf = (nodes: NodeRoom[], ...demands: PlacementDemand[]) =>
    placeInstances(demands, nodes).placed.map(({ nodeId }) => nodeId);
  assert.deepEqual(nodeOf([emulating('a', ALICE)], demand('1'), ofBob('2')), ['node-a']);
  assert.deepEqual(nodeOf([emulating('a')], demand('1'), ofBob('2')), ['node-a'], 'empty at first');
  assert.deepEqual(nodeOf([emulating('a', ALICE, BOB)], demand('1')), [], 'shared before');
  const both = [emulating('a', ALICE), emulating('b')];
  assert.deepEqual(nodeOf(both, ofBob('1'), demand('2')), ['node-b', 'node-a']);
  const kvm = room('k', { accounts: new Set([ALICE]) });
  assert.deepEqual(nodeOf([emulating('a', ALICE), kvm], ofBob('1')), ['node-k']);
  const { refused } = placeInstances([ofBob('1')], [emulating('a', ALICE)]);
  assert.match(
    refused[0]!.reason,
    /^a holds guests of another account .* --allow-shared-emulation"/,
  );
});

test('an instance with volumes goes where they are, others anywhere that is not drained', () => {
  const nodes = [
    room('near'),
    room('far', { reachesVolumes: false, freeMemoryMib: 8192 }),
    room('full-of-room', { isDraining: true, freeMemoryMib: 65_536 }),
  ];
  const demands = [demand('1', { needsVolumes: true }), demand('2')];
  assert.deepEqual(placeInstances(demands, nodes), {
    placed: [
      { id: 'i-1', nodeId: 'node-near' },
      { id: 'i-2', nodeId: 'node-far' },
    ],
    refused: [],
  });
  const gated = nodes.map((each) => ({ ...each, opensGates: true }));
  const both = [...demands, demand('3', { needsVolumes: true, needsNearVolumes: true })];
  assert.deepEqual(
    placeInstances(both, gated).placed.map(({ nodeId }) => nodeId),
    ['node-far', 'node-far', 'node-near'],
  );
});

test('a refusal says what each node lacked', () => {
  const cases: [NodeRoom[], Partial<PlacementDemand>, string][] = [
    [[], {}, 'No node has joined this zone yet.'],
    [[room('a', { health: 'lost' })], {}, 'a has not reported lately.'],
    [[room('a', { freeMemoryMib: 512 })], {}, 'a has 512 MiB of memory free, 1 GiB are needed.'],
    [[room('a', { freeVcpus: -1 })], {}, 'a has 0 virtual processors free, 1 are needed.'],
    [[room('a', { isDraining: true })], {}, 'a is being drained.'],
    [
      [room('a', { reachesVolumes: false })],
      { needsVolumes: true },
      'a is not on the host of the volumes, and has no way to them from another one.',
    ],
    [
      [room('a', { reachesVolumes: false, opensGates: true })],
      { needsVolumes: true, needsNearVolumes: true },
      "a is not on the host of the volumes, where instances with volumes of the attach mode 'guest' have to be.",
    ],
    [
      [room('a', { freeDiskBytes: 0 }), room('b', { health: 'lost' })],
      {},
      'a has 0 B of disk free, 1 GiB are needed; b has not reported lately.',
    ],
  ];
  for (const [nodes, values, expected] of cases) {
    const { refused } = placeInstances([demand('1', values)], nodes);
    assert.equal(refused[0]!.reason, expected);
  }
  const many = Array.from({ length: 9 }, (_, index) => room(`n${index}`, { freeVcpus: 0 }));
  assert.match(placeInstances([demand('1')], many).refused[0]!.reason, /; 4 more nodes/);
});

test('no node is ever given more than it has, and equal questions get equal answers', () => {
  for (let seed = 1; seed <= 200; seed++) {
    const random = seededRandom(seed);
    const upTo = (limit: number) => Math.floor(random.fraction() * limit);
    const nodes = Array.from({ length: 1 + upTo(5) }, (_, index) =>
      room(String(index), { freeVcpus: upTo(16), freeMemoryMib: upTo(8192) }),
    );
    const demands = Array.from({ length: upTo(20) }, (_, index) =>
      demand(String(index), { vcpus: 1 + upTo(4), memoryMib: 1 + upTo(2048) }),
    );
    const { placed, refused } = placeInstances(demands, nodes);
    assert.equal(placed.length + refused.length, demands.length, `seed ${seed}`);
    for (const node of nodes) {
      const here = placed.filter((one) => one.nodeId === node.nodeId).map(({ id }) => id);
      const given = demands.filter((one) => here.includes(one.id));
      const memory = given.reduce((total, one) => total + one.memoryMib, 0);
      const vcpus = given.reduce((total, one) => total + one.vcpus, 0);
      assert.ok(memory <= node.freeMemoryMib && vcpus <= node.freeVcpus, `seed ${seed}`);
    }
    assert.deepEqual(placeInstances(demands, nodes.toReversed()).placed, placed, `seed ${seed}`);
  }
});

test('a spread group has one instance a node, and a cluster fills the node that has most of it', () => {
  const nodes = [room('a'), room('b', { freeMemoryMib: 2048, groups: new Map([['pg-1', 1]]) })];
  const member = (id: string, strategy: 'spread' | 'cluster') =>
    demand(id, { group: { id: 'pg-1', strategy } });
  const spread = placeInstances([member('1', 'spread'), member('2', 'spread')], nodes);
  assert.deepEqual(spread.placed, [{ id: 'i-1', nodeId: 'node-a' }]);
  assert.match(spread.refused[0]!.reason, /holds another instance of the spread placement group/);
  const wanted = ['1', '2', '3'].map((id) => member(id, 'cluster'));
  const cluster = placeInstances(wanted, nodes).placed.map(({ nodeId }) => nodeId);
  assert.deepEqual(cluster, ['node-b', 'node-b', 'node-a']);
});
