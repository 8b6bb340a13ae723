// Owns the tests of how the documents of VPCs are read, for many nodes at once.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { NodeId, VpcId } from '@ironbark/core/ids.ts';
import { openSqlite } from '@ironbark/platform/database/sqlite.ts';
import { zoneVpc } from '../testing/zone-vpc.ts';
import { ensureNode } from './nodes.ts';
import { CLUSTER_MIGRATIONS, type ClusterSchema } from './schema.ts';
import { listNodesOf, putVpc, VpcReader } from './vpcs.ts';

const NODES: readonly NodeId[] = ['node-a', 'node-b', 'node-c'];

test('nodes that ask for a VPC at once share one reading of it', async () => {
  const options = { path: ':memory:', migrations: CLUSTER_MIGRATIONS };
  await using database = await openSqlite<ClusterSchema>(options);
  const reader = new VpcReader();
  for (const generation of [1, 2]) {
    await putVpc(database.query, zoneVpc(generation, NODES));
    const lists = await Promise.all(NODES.map((id) => reader.listOn(database.query, id, 0)));
    const [first] = lists[0]!;
    assert.equal(first!.generation, generation);
    for (const list of lists) assert.equal(list[0], first);
  }
  assert.deepEqual(await reader.listOn(database.query, 'node-d', 0), []);
});

test('a node with a port of a VPC is told of its peers, and of theirs only with a port of them', async () => {
  const options = { path: ':memory:', migrations: CLUSTER_MIGRATIONS };
  await using database = await openSqlite<ClusterSchema>(options);
  const { query } = database;
  const number = (at: number): VpcId => `vpc-0000000000000000${at}`;
  const peered = (at: number, node: NodeId, ...peers: number[]) => {
    const intent = { ...zoneVpc(1, [node]).intent, id: number(at), peers: peers.map(number) };
    return putVpc(query, { generation: 1, intent });
  };
  for (const id of ['node-a', 'node-b', 'node-c'] as const) {
    await ensureNode(query, id);
  }
  await peered(1, 'node-a', 2);
  await peered(2, 'node-b', 1, 3);
  await peered(3, 'node-c', 2);
  const reader = new VpcReader();
  const toldOf = async (id: NodeId) =>
    (await reader.listOn(query, id, 0)).map(({ intent }) => intent.id);
  assert.deepEqual(await toldOf('node-a'), [number(1), number(2)]);
  assert.deepEqual(await toldOf('node-b'), [number(1), number(2), number(3)]);
  assert.deepEqual((await listNodesOf(query, number(3))).sort(), ['node-b', 'node-c']);
  assert.deepEqual((await listNodesOf(query, number(2))).sort(), ['node-a', 'node-b', 'node-c']);
});
