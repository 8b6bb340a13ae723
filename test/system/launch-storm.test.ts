// The storm: many calls at once against a whole cloud whose hypervisor fails one operation in five and whose
// daemon is killed in the middle. Everything comes to rest where it was told to, and nothing is left in the end.

import assert from 'node:assert/strict';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import {
  AttachVolumeCommand,
  CreateVolumeCommand,
  DeleteVolumeCommand,
  DescribeInstanceStatusCommand,
  DescribeInstancesCommand,
  DescribeNetworkInterfacesCommand,
  DescribeVolumesCommand,
  DetachVolumeCommand,
  type EC2Client,
  type Instance,
  RunInstancesCommand,
  StartInstancesCommand,
  StopInstancesCommand,
  TerminateInstancesCommand,
  type Volume,
} from '@aws-sdk/client-ec2';
import { createEc2, createS3, insist } from '../support/clients.ts';
import { CloudUnderTest, eventually } from '../support/cloud-under-test.ts';
import { registerTestImage } from '../support/test-image.ts';

const LAUNCHES = 20;
const FAILURE_RATE = '0.2';
/** A step that fails is repeated after at most 15 s, and a launch has some ten steps. */
const SETTLE = { timeoutMs: 180_000, intervalMs: 500 };
/** Folders, disks, sockets, records: all are named after what they belong to. */
const OF_A_RESOURCE = /(?:^|\W)(?:i|vol|eni|snap)-[0-9a-f]{17}/;
const AT_REST = new Set(['running', 'stopped', 'terminated']);

let cloud: CloudUnderTest;
let ec2: EC2Client;
let imageId = '';
/** In the order of their launch. */
let fleet: string[] = [];
/** Volumes that were made by themselves. */
let loose: string[] = [];

before(async () => {
  const flags = ['--simulated-failures', FAILURE_RATE];
  cloud = await CloudUnderTest.start({ hypervisor: 'simulated', flags });
  ec2 = createEc2(cloud);
  const s3 = createS3(cloud);
  imageId = await registerTestImage(ec2, s3);
  s3.destroy();
});
after(async () => {
  ec2?.destroy();
  await cloud?.[Symbol.asyncDispose]();
});

test('20 launches at once all run, each with the volumes that it asked for', async () => {
  const launches = Array.from({ length: LAUNCHES }, (_, index) => launch(`first-${index}`, index));
  fleet = await Promise.all(launches);
  assert.equal(new Set(fleet).size, LAUNCHES);
  const volumes = Array.from({ length: 4 }, () => insist(createVolume));
  loose = (await Promise.all(volumes)).map((made) => made!.VolumeId!);
  await untilStates(Object.fromEntries(fleet.map((id) => [id, 'running'])));
  const instances = await describeInstances();
  const addresses = instances.map((instance) => instance.PrivateIpAddress);
  assert.equal(new Set(addresses).size, LAUNCHES);
  await untilVolumes({
    ...Object.fromEntries(dataVolumesOf(instances, fleet).map((id) => [id, 'in-use'])),
    ...Object.fromEntries(loose.map((id) => [id, 'available'])),
  });
});

test('calls of every kind while the daemon is killed are done once each', async () => {
  const [stopped, taking, giving, ending] = [
    fleet.slice(0, 4),
    fleet.slice(4, 7),
    fleet.slice(7, 12).filter((id) => hasVolume(fleet.indexOf(id))),
    fleet.slice(12, 17),
  ];
  const before = await describeInstances();
  const given = dataVolumesOf(before, giving);
  const ended = dataVolumesOf(
    before,
    ending.filter((id) => goesWithInstance(fleet.indexOf(id))),
  );
  const dropped = loose[3]!;
  const calls = [
    ...stopped.map((id) => () => ec2.send(new StopInstancesCommand({ InstanceIds: [id] }))),
    ...ending.map((id) => () => ec2.send(new TerminateInstancesCommand({ InstanceIds: [id] }))),
  ].map((call) => insist(call));
  const attaching = taking.map((InstanceId, index) =>
    insist(
      () =>
        ec2.send(
          new AttachVolumeCommand({ InstanceId, VolumeId: loose[index]!, Device: '/dev/sdg' }),
        ),
      'VolumeInUse',
    ),
  );
  const detaching = given.map((VolumeId) =>
    insist(() => ec2.send(new DetachVolumeCommand({ VolumeId })), 'IncorrectState'),
  );
  const deleting = insist(
    () => ec2.send(new DeleteVolumeCommand({ VolumeId: dropped })),
    'InvalidVolume.NotFound',
  );
  const launching = Array.from({ length: 5 }, (_, index) => launch(`second-${index}`, index));
  // As soon as one call has been answered, others are under way or not yet sent.
  await Promise.race([...calls, ...attaching, ...detaching, deleting, ...launching]);
  process.kill(await cloud.daemonPid(), 'SIGKILL');
  await cloud.up();
  await Promise.all([...calls, ...attaching, ...detaching, deleting]);
  const second = await Promise.all(launching);
  const again = await Promise.all(second.map((_, index) => launch(`second-${index}`, index)));
  assert.deepEqual(again, second);

  const others = fleet.filter((id) => !stopped.includes(id) && !ending.includes(id));
  await untilStates({
    ...Object.fromEntries(stopped.map((id) => [id, 'stopped'])),
    ...Object.fromEntries(ending.map((id) => [id, 'terminated'])),
    ...Object.fromEntries([...others, ...second].map((id) => [id, 'running'])),
  });
  await untilVolumes({
    ...Object.fromEntries(given.map((id) => [id, 'available'])),
    ...Object.fromEntries([...ended, dropped].map((id) => [id, 'gone'])),
    ...Object.fromEntries(loose.slice(0, 3).map((id) => [id, 'in-use'])),
  });
  fleet = [...fleet, ...second];
  const count = (await describeInstances()).length;
  assert.equal(count, fleet.length, 'each token made one instance');
});

test('stopped ones start again, with their volumes', async () => {
  const stopped = fleet.slice(0, 4);
  await Promise.all(
    stopped.map((id) => insist(() => ec2.send(new StartInstancesCommand({ InstanceIds: [id] })))),
  );
  await untilStates(Object.fromEntries(stopped.map((id) => [id, 'running'])));
  const { InstanceStatuses } = await ec2.send(new DescribeInstanceStatusCommand({}));
  assert.equal(InstanceStatuses?.length, fleet.length - 5);
});

test('after everything is terminated nothing is left in any room', async () => {
  await Promise.all(
    fleet.map((id) => insist(() => ec2.send(new TerminateInstancesCommand({ InstanceIds: [id] })))),
  );
  await untilStates(Object.fromEntries(fleet.map((id) => [id, 'terminated'])));
  await eventually('volumes let go', async () => (await describeVolumes()).every(isFree), SETTLE);
  const left = (await describeVolumes()).map((volume) => volume.VolumeId!);
  await Promise.all(
    left.map((VolumeId) => insist(() => ec2.send(new DeleteVolumeCommand({ VolumeId })))),
  );
  await eventually('no volumes', async () => (await describeVolumes()).length === 0, SETTLE);
  const { NetworkInterfaces } = await ec2.send(new DescribeNetworkInterfacesCommand({}));
  assert.deepEqual(NetworkInterfaces, []);
  await eventually('the node knows none', async () => {
    const { node } = await cloud.status();
    return node.instances.length === 0;
  });
  for (const room of ['node', 'storage']) {
    const files = await readdir(join(cloud.dataDir, room), { recursive: true });
    assert.deepEqual(
      files.filter((file) => OF_A_RESOURCE.test(file)),
      [],
      room,
    );
  }
  assert.deepEqual(await readdir(join(cloud.dataDir, 'node/instances')), []);
  assert.deepEqual(await readdir(join(cloud.dataDir, 'storage/volumes')), []);
});

/** Every second one has a data volume, every fourth keeps it after its end. */
async function launch(ClientToken: string, index: number): Promise<string> {
  const Ebs = { VolumeSize: 1, DeleteOnTermination: goesWithInstance(index) };
  const run = await insist(() =>
    ec2.send(
      new RunInstancesCommand({
        ImageId: imageId,
        InstanceType: 't2.nano',
        MinCount: 1,
        MaxCount: 1,
        ClientToken,
        ...(hasVolume(index) ? { BlockDeviceMappings: [{ DeviceName: '/dev/sdf', Ebs }] } : {}),
      }),
    ),
  );
  return run!.Instances![0]!.InstanceId!;
}

function hasVolume(index: number): boolean {
  return index % 2 === 0;
}

function goesWithInstance(index: number): boolean {
  return index % 4 === 0;
}

function createVolume() {
  return ec2.send(
    new CreateVolumeCommand({ Size: 1, AvailabilityZone: `${cloud.credentials.region}a` }),
  );
}

async function describeInstances(): Promise<Instance[]> {
  const { Reservations } = await ec2.send(new DescribeInstancesCommand({}));
  return Reservations!.flatMap((reservation) => reservation.Instances!);
}

async function describeVolumes(): Promise<Volume[]> {
  return (await ec2.send(new DescribeVolumesCommand({}))).Volumes!;
}

function isFree(volume: Volume): boolean {
  return volume.State === 'available';
}

function dataVolumesOf(instances: readonly Instance[], ids: readonly string[]): string[] {
  return instances
    .filter((instance) => ids.includes(instance.InstanceId!))
    .flatMap((instance) => instance.BlockDeviceMappings ?? [])
    .filter((mapping) => mapping.DeviceName === '/dev/sdf')
    .map((mapping) => mapping.Ebs!.VolumeId!);
}

/** Waits until the named instances are as they should be, and none at all is on its way. */
async function untilStates(expected: Record<string, string>): Promise<void> {
  await untilSame('instances at rest', expected, async () => {
    const all = await describeInstances();
    const states = all.map((one) => [one.InstanceId!, one.State!.Name!] as const);
    return states.filter(([id, state]) => id in expected || !AT_REST.has(state));
  });
}

async function untilVolumes(expected: Record<string, string>): Promise<void> {
  await untilSame('volumes at rest', expected, async () => {
    const found = new Map((await describeVolumes()).map((one) => [one.VolumeId!, stateOf(one)]));
    return Object.keys(expected).map((id) => [id, found.get(id) ?? 'gone'] as const);
  });
}

/** An attachment that is still under way is no rest. */
function stateOf(volume: Volume): string {
  const [attachment] = volume.Attachments ?? [];
  if (attachment === undefined || attachment.State === 'attached') return volume.State!;
  return attachment.State!;
}

/** Waits for the expected states; says at the end what they were instead. */
async function untilSame(
  what: string,
  expected: Record<string, string>,
  probe: () => Promise<(readonly [string, string])[]>,
): Promise<void> {
  let seen: Record<string, string> = {};
  const look = async () => {
    seen = Object.fromEntries(await probe());
    return Object.entries({ ...seen, ...expected }).every(([id]) => seen[id] === expected[id]);
  };
  await eventually(what, look, SETTLE).catch(() => {});
  assert.deepEqual(seen, expected);
}
