// Owns the tests of how the documents of VPCs are read, for many nodes at once.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { NodeId } from '@ironbark/core/ids.ts';
import { openSqlite } from '@ironbark/platform/database/sqlite.ts';
import { zoneVpc } from '../testing/zone-vpc.ts';
import { CLUSTER_MIGRATIONS, type ClusterSchema } from './schema.ts';
import { putVpc, VpcReader } from './vpcs.ts';

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
