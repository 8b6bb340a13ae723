// Owns the tests of launches that come while others wait for their nodes.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { refused } from './testing/refused.ts';
import { TestCloud } from './testing/test-cloud.ts';

const VOLUME = [{ DeviceName: '/dev/sdf', Ebs: { VolumeSize: 1 } }];

test('room on nodes with volumes is not promised twice while an instance waits for it', async () => {
  const held = Promise.withResolvers<void>();
  await using t = await TestCloud.start({
    nodes: 2,
    aroundStep: async (name, step) => {
      if (name === 'instance-placement/place') await held.promise;
      return await step();
    },
  });
  const [near, far] = t.cluster.nodes;
  const capacity = { ...near!.capacity, memoryMib: 1_024 };
  t.cluster.nodes = [
    { ...near!, capacity },
    { ...far!, reachesVolumes: false },
  ];
  await t.restart();
  const image = await t.registerImage();
  await t.settle('idle');
  const [first] = await t.launch(image, { BlockDeviceMappings: VOLUME });
  const second = t.launch(image, { BlockDeviceMappings: VOLUME });
  await assert.rejects(second, refused('insufficient-capacity', 'instance')).finally(held.resolve);
  await t.settleState(first!, 'running');
});
