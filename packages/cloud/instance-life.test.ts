// Owns the tests of an instance's whole life through the actions.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isServiceError } from '@ironbark/core/errors.ts';
import { TestCloud } from './testing/test-cloud.ts';

test('an instance is launched, stopped, started, rebooted and terminated', async () => {
  await using t = await TestCloud.start();
  const image = await t.registerImage();
  const [id] = await t.launch(image);
  assert.equal((await t.describe(id!)).State?.Name, 'pending');
  await t.settleState(id!, 'running');
  const running = await t.describe(id!);
  assert.match(running.PrivateIpAddress!, /^172\.31\.0\.4$/);
  assert.equal(running.StateReason, undefined);

  const stop = await t.call('StopInstances', { InstanceIds: [id!] });
  assert.equal(stop.StoppingInstances![0]!.PreviousState?.Name, 'running');
  assert.equal(stop.StoppingInstances![0]!.CurrentState?.Name, 'stopping');
  await t.settleState(id!, 'stopped');
  const stopped = await t.describe(id!);
  assert.equal(stopped.StateReason?.Code, 'Client.UserInitiatedShutdown');
  assert.match(stopped.StateTransitionReason!, /^User initiated \(\d{4}-/);

  await t.call('StartInstances', { InstanceIds: [id!] });
  assert.equal((await t.describe(id!)).State?.Name, 'pending');
  await t.settleState(id!, 'running');
  await t.call('RebootInstances', { InstanceIds: [id!] });
  await t.settle('reboot', () => t.cluster.getIntent(id! as `i-${string}`).rebootCount === 1);

  await t.call('TerminateInstances', { InstanceIds: [id!] });
  await t.settleState(id!, 'terminated');
  await t.settle('forgotten', () => t.cluster.listIds().length === 0);
  assert.deepEqual((await t.call('DescribeNetworkInterfaces', {})).NetworkInterfaces, []);
});

test('detailed monitoring is on for those instances that it was asked for, and is found by', async () => {
  await using t = await TestCloud.start();
  const image = await t.registerImage();
  const [first] = await t.launch(image, { Monitoring: { Enabled: true } });
  const [second] = await t.launch(image);
  const monitored = async () => {
    const Filters = [{ Name: 'monitoring-state', Values: ['enabled'] }];
    const { Reservations } = await t.call('DescribeInstances', { Filters });
    return Reservations!.flatMap(({ Instances }) => Instances!.map((one) => one.InstanceId));
  };
  assert.deepEqual(await monitored(), [first]);
  const nobody = t.call('MonitorInstances', { InstanceIds: [second!, `i-${'0'.repeat(17)}`] });
  await assert.rejects(nobody, (error) => isServiceError(error, 'not-found'));
  assert.deepEqual(await monitored(), [first]);
  const some = { InstanceIds: [second!], MetricCategoryIds: ['x'] };
  await assert.rejects(t.call('MonitorInstances', some), (error) =>
    isServiceError(error, 'unsupported'),
  );
  const on = await t.call('MonitorInstances', { InstanceIds: [second!] });
  assert.deepEqual(on.InstanceMonitorings, [
    { InstanceId: second, Monitoring: { State: 'enabled' } },
  ]);
  const off = await t.call('UnmonitorInstances', { InstanceIds: [first!] });
  assert.deepEqual(off.InstanceMonitorings![0]!.Monitoring, { State: 'disabled' });
  assert.deepEqual(await monitored(), [second]);
  const { LaunchTemplateData } = await t.call('GetLaunchTemplateData', { InstanceId: second! });
  assert.deepEqual(LaunchTemplateData!.Monitoring, { Enabled: true });
});

test('a launch reaches the zone without waiting for any poll', async () => {
  await using t = await TestCloud.start();
  const image = await t.registerImage();
  await t.settle('idle');
  const started = performance.now();
  await t.launch(image);
  while (t.cluster.listIds().length === 0) await new Promise((resolve) => setImmediate(resolve));
  // On an idle machine it is some 20 ms; the shortest poll is 5 s.
  assert.ok(performance.now() - started < 2_000, `took ${performance.now() - started} ms`);
});

test('a guest that shuts itself down ends as its behaviour says', async () => {
  await using t = await TestCloud.start();
  const image = await t.registerImage();
  for (const [behavior, state] of [
    ['stop', 'stopped'],
    ['terminate', 'terminated'],
  ] as const) {
    const [id] = await t.launch(image, { InstanceInitiatedShutdownBehavior: behavior });
    await t.settleState(id!, 'running');
    t.cluster.shutdownGuest(id! as `i-${string}`);
    await t.settleState(id!, state);
    const { StateReason } = await t.describe(id!);
    assert.equal(StateReason?.Code, 'Client.InstanceInitiatedShutdown');
  }
});

test('a launch that fails ends terminated with the reason and gives everything back', async () => {
  await using t = await TestCloud.start({ failStart: () => true });
  const image = await t.registerImage();
  const [id] = await t.launch(image, {
    BlockDeviceMappings: [{ DeviceName: '/dev/sdf', Ebs: { VolumeSize: 1 } }],
  });
  await t.settleState(id!, 'terminated');
  const { StateReason } = await t.describe(id!);
  assert.deepEqual(StateReason, {
    Code: 'Server.InternalError',
    Message: 'Server.InternalError: planted',
  });
  await t.settle('clean', () => t.storage.listVolumeIds().length === 0);
  await t.settle('forgotten', () => t.cluster.listIds().length === 0);
  assert.deepEqual((await t.call('DescribeVolumes', {})).Volumes, []);
});

test('a failed start of an instance that ran before leaves it stopped', async () => {
  let fail = false;
  await using t = await TestCloud.start({ failStart: () => fail });
  const image = await t.registerImage();
  const [id] = await t.launch(image);
  await t.settleState(id!, 'running');
  await t.call('StopInstances', { InstanceIds: [id!] });
  await t.settleState(id!, 'stopped');
  fail = true;
  await t.call('StartInstances', { InstanceIds: [id!] });
  await t.settle('failed', async () => {
    const { State, StateReason } = await t.describe(id!);
    return State?.Name === 'stopped' && StateReason?.Code === 'Server.InternalError';
  });
  fail = false;
  await t.call('StartInstances', { InstanceIds: [id!] });
  await t.settleState(id!, 'running');
});

test('a volume that cannot be made ends the launch that asked for it', async () => {
  await using t = await TestCloud.start({ failVolume: () => true });
  const image = await t.registerImage();
  const [id] = await t.launch(image, {
    BlockDeviceMappings: [{ DeviceName: '/dev/sdf', Ebs: { VolumeSize: 1 } }],
  });
  await t.settleState(id!, 'terminated');
  assert.match((await t.describe(id!)).StateReason!.Message!, /could not be made. planted/);
  await t.settle('clean', () => t.storage.listVolumeIds().length === 0);
});

test('more memory than the nodes have is refused at once, and nothing is kept', async () => {
  await using t = await TestCloud.start({ memoryMib: 2560 });
  const image = await t.registerImage();
  await assert.rejects(
    t.launch(image, { MinCount: 3, MaxCount: 3 }),
    (error) =>
      isServiceError(error, 'insufficient-capacity') &&
      error.resource === 'instance' &&
      error.message.includes('node-a has 512 MiB of memory free, 1 GiB are needed'),
  );
  assert.deepEqual((await t.call('DescribeInstances', {})).Reservations, []);
  const ids = await t.launch(image, { MinCount: 1, MaxCount: 3 });
  assert.equal(ids.length, 2);
  for (const id of ids) await t.settleState(id, 'running');
  await t.call('StopInstances', { InstanceIds: [ids[0]!] });
  await t.settleState(ids[0]!, 'stopped');
  await t.launch(image);
  await assert.rejects(t.call('StartInstances', { InstanceIds: [ids[0]!] }), (error) =>
    isServiceError(error, 'insufficient-capacity'),
  );
});

test('the same client token is the same launch, other parameters are refused', async () => {
  await using t = await TestCloud.start();
  const image = await t.registerImage();
  const first = await t.launch(image, { ClientToken: 'once' });
  assert.deepEqual(await t.launch(image, { ClientToken: 'once' }), first);
  await assert.rejects(t.launch(image, { ClientToken: 'once', MaxCount: 2 }), (error) =>
    isServiceError(error, 'idempotency-mismatch'),
  );
  assert.equal((await t.call('DescribeInstances', {})).Reservations!.length, 1);
});

test('a protected instance is not terminated, nor are those asked for with it', async () => {
  await using t = await TestCloud.start();
  const image = await t.registerImage();
  const [kept] = await t.launch(image, { DisableApiTermination: true });
  const [other] = await t.launch(image);
  const both = { InstanceIds: [other!, kept!] };
  await assert.rejects(t.call('TerminateInstances', both), (error) =>
    isServiceError(error, 'operation-not-permitted'),
  );
  assert.equal((await t.describe(other!)).State?.Name, 'pending');
  await t.call('ModifyInstanceAttribute', {
    InstanceId: kept!,
    DisableApiTermination: { Value: false },
  });
  await t.call('TerminateInstances', both);
  await t.settleState(kept!, 'terminated');
});

test('a zone whose nodes are silent takes no launch and says why', async () => {
  await using t = await TestCloud.start();
  const image = await t.registerImage();
  t.cluster.nodes = t.cluster.nodes.map((node) => ({ ...node, health: 'lost' }));
  await t.restart();
  await t.settle('nodes read again');
  await assert.rejects(
    t.launch(image),
    (error) =>
      isServiceError(error, 'insufficient-capacity') &&
      error.message.includes('node-a has not reported lately'),
  );
});

test('a controller that restarts at any point carries on', async () => {
  await using t = await TestCloud.start();
  const image = await t.registerImage();
  const [id] = await t.launch(image, {
    BlockDeviceMappings: [{ DeviceName: '/dev/sdf', Ebs: { VolumeSize: 1 } }],
  });
  for (let step = 0; step < 12; step++) {
    await t.restart();
    t.cluster.step();
    t.storage.step();
    await t.settle('rest', () => true);
  }
  await t.settleState(id!, 'running');
  await t.call('TerminateInstances', { InstanceIds: [id!] });
  for (let step = 0; step < 6; step++) {
    await t.restart();
    t.cluster.step();
    t.storage.step();
  }
  await t.settleState(id!, 'terminated');
  await t.settle(
    'clean',
    () => t.storage.listVolumeIds().length + t.cluster.listIds().length === 0,
  );
});
