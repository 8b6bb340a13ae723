// When room on nodes is counted.

import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { listNodeUse, listStaleUse } from './store/node-use.ts';
import { openStore } from './store/store.ts';
import { TestCloud } from './testing/test-cloud.ts';

test('after a start the room on all nodes is counted before anybody launches', async () => {
  await using t = await TestCloud.start({ nodes: 3 });
  const [id] = await t.launch(await t.registerImage());
  await t.settleState(id!, 'running');
  await t.restart();
  await using store = await openStore(join(t.dataDir, 'cloud.db'));
  await t.settle('counted', async () => (await listStaleUse(store.query)).length === 0);
  const uses = await listNodeUse(store.query, ['node-a', 'node-b', 'node-c']);
  assert.deepEqual(uses.map(({ vcpus }) => vcpus).sort(), [0, 0, 2]);
});
