// Owns the tests of placement groups: what the scheduler makes of them, and when one may go.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type ErrorKind, isServiceError } from '@ironbark/core/errors.ts';
import { TestCloud } from './testing/test-cloud.ts';

function refused(kind: ErrorKind, part = '') {
  return (error: unknown) => isServiceError(error, kind) && error.message.includes(part);
}

async function nodesOf(t: TestCloud, ids: readonly string[]): Promise<Set<string>> {
  for (const id of ids) await t.settleState(id, 'running');
  return new Set(ids.map((id) => t.cluster.nodeOf(id as `i-${string}`)));
}

test('instances of a spread group are on different nodes, and one more than there are nodes is refused', async () => {
  await using t = await TestCloud.start({ nodes: 3 });
  const image = await t.registerImage();
  const GroupName = 'apart';
  await t.call('CreatePlacementGroup', { GroupName, Strategy: 'spread' });
  const Placement = { GroupName };
  const ids = await t.launch(image, { Placement, MinCount: 2, MaxCount: 2 });
  ids.push(...(await t.launch(image, { Placement })));
  assert.equal((await nodesOf(t, ids)).size, 3);
  await assert.rejects(
    t.launch(image, { Placement }),
    refused('insufficient-capacity', 'spread placement group'),
  );
  const found = await t.call('DescribeInstances', {
    Filters: [{ Name: 'placement-group-name', Values: ['ap*'] }],
  });
  assert.equal(found.Reservations!.flatMap((one) => one.Instances!).length, 3);
  await assert.rejects(t.call('DeletePlacementGroup', { GroupName }), refused('in-use', GroupName));
  await t.call('TerminateInstances', { InstanceIds: ids });
  for (const id of ids) await t.settleState(id, 'terminated');
  await t.call('DeletePlacementGroup', { GroupName });
  assert.deepEqual((await t.call('DescribePlacementGroups', {})).PlacementGroups, []);
});

test('instances of a cluster are on one node for as long as it holds them', async () => {
  await using t = await TestCloud.start({ nodes: 3 });
  const image = await t.registerImage();
  const made = await t.call('CreatePlacementGroup', {
    GroupName: 'near',
    TagSpecifications: [{ ResourceType: 'placement-group', Tags: [{ Key: 'k', Value: 'v' }] }],
  });
  const Placement = { GroupId: made.PlacementGroup!.GroupId! };
  const ids = await t.launch(image, { Placement, MinCount: 3, MaxCount: 3 });
  ids.push(...(await t.launch(image, { Placement })));
  assert.equal((await nodesOf(t, ids)).size, 1);
  assert.equal((await t.describe(ids[0]!)).Placement!.GroupName, 'near');
  const { PlacementGroups } = await t.call('DescribePlacementGroups', {
    Filters: [{ Name: 'tag:k', Values: ['v'] }],
  });
  assert.equal(PlacementGroups![0]!.Strategy, 'cluster');
});

test('what a node cannot promise is refused by name', async () => {
  await using t = await TestCloud.start();
  const create = (input: object) =>
    t.call('CreatePlacementGroup', { GroupName: 'group', ...input });
  await assert.rejects(create({ Strategy: 'partition' }), refused('unsupported', 'partition'));
  await assert.rejects(
    create({ Strategy: 'spread', SpreadLevel: 'rack' }),
    refused('unsupported', 'rack'),
  );
  await assert.rejects(create({ GroupName: '' }), refused('missing-parameter', 'GroupName'));
  await create({});
  await assert.rejects(create({}), refused('duplicate', 'already exists'));
  await assert.rejects(
    t.call('DeletePlacementGroup', { GroupName: 'none' }),
    refused('not-found', "'none' is unknown"),
  );
});
