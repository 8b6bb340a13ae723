// Owns the tests of which accounts share a node, through the Cloud Controller's actions.

import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { openStore } from './store/store.ts';
import { TestCloud, type TestCloudOptions } from './testing/test-cloud.ts';

const OTHER_ACCOUNT = '999999999999';

/** A cloud whose only node emulates, with one running instance that is another account's. */
async function sharedHost(options: TestCloudOptions): Promise<{ cloud: TestCloud; image: string }> {
  const cloud = await TestCloud.start({ ...options, accelerator: 'tcg' });
  const image = await cloud.registerImage();
  const [id] = await cloud.launch(image);
  await cloud.settleState(id!, 'running');
  await using store = await openStore(join(cloud.dataDir, 'cloud.db'));
  await store.transaction(async (tx) => {
    await tx.updateTable('instance').set({ accountId: OTHER_ACCOUNT }).execute();
    await tx.updateTable('nodeUse').set({ isStale: 1 }).execute();
  });
  return { cloud, image };
}

test('A launch beside another account on a node that emulates is refused with what to do', async () => {
  const { cloud, image } = await sharedHost({});
  await using _cloud = cloud;
  await assert.rejects(cloud.launch(image), (error: Error) => {
    assert.match(error.message, /do not have sufficient t3\.micro capacity/);
    assert.match(error.message, /node-a holds guests of another account and emulates them/);
    assert.match(error.message, /"ironbark up --allow-shared-emulation"/);
    return true;
  });
});

test('The administrator may let accounts share a node that emulates', async () => {
  const { cloud, image } = await sharedHost({ allowSharedEmulation: true });
  await using _cloud = cloud;
  const [id] = await cloud.launch(image);
  await cloud.settleState(id!, 'running');
});

test('An instance is not started beside another account once sharing is taken back', async () => {
  const { cloud, image } = await sharedHost({ allowSharedEmulation: true });
  await using _cloud = cloud;
  const [id] = await cloud.launch(image);
  await cloud.settleState(id!, 'running');
  await cloud.call('StopInstances', { InstanceIds: [id!] });
  await cloud.settleState(id!, 'stopped');
  await cloud.restart({ allowSharedEmulation: false });
  await assert.rejects(
    cloud.call('StartInstances', { InstanceIds: [id!] }),
    /the node of instance 'i-[0-9a-f]+' holds guests of another account/,
  );
});
