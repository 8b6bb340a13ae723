// The corners of what fits: a node that is full, limits, and calls repeated over the daemon's death. What
// Describe* answers stays true through all of them. The simulated node has 64 GiB of memory.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import {
  AttachVolumeCommand,
  CreateVolumeCommand,
  DeleteVolumeCommand,
  DescribeInstanceStatusCommand,
  DescribeInstancesCommand,
  DescribeNetworkInterfacesCommand,
  DescribeVolumesCommand,
  type EC2Client,
  type Instance,
  RunInstancesCommand,
  type RunInstancesCommandInput,
  StartInstancesCommand,
  StopInstancesCommand,
  TerminateInstancesCommand,
  waitUntilInstanceRunning,
  waitUntilInstanceStopped,
  waitUntilInstanceTerminated,
  waitUntilVolumeDeleted,
} from '@aws-sdk/client-ec2';
import { createEc2, createS3, insist } from '../support/clients.ts';
import { CloudUnderTest, eventually } from '../support/cloud-under-test.ts';
import { registerTestImage } from '../support/test-image.ts';

/** Of 32 GiB: the node takes two. */
const HALF_A_NODE = 'r5.xlarge';
/** What a node of ours takes (packages/cloud/app/attachments.ts). */
const MOST_VOLUMES = 26;
const wait = { maxWaitTime: 30, minDelay: 1, maxDelay: 1 };

let cloud: CloudUnderTest;
let ec2: EC2Client;
let imageId = '';

before(async () => {
  cloud = await CloudUnderTest.start({ hypervisor: 'simulated' });
  ec2 = createEc2(cloud);
  const s3 = createS3(cloud);
  imageId = await registerTestImage(ec2, s3);
  s3.destroy();
});
after(async () => {
  ec2?.destroy();
  await cloud?.[Symbol.asyncDispose]();
});

let first = '';
let second = '';

test('a launch that may be smaller gets what fits, and no more is said to exist', async () => {
  [first, second] = (await launch({ MinCount: 1, MaxCount: 5 })) as [string, string];
  await waitUntilInstanceRunning({ client: ec2, ...wait }, { InstanceIds: [first, second] });
  assert.deepEqual(await liveIds(), [first, second].sort());
  const { NetworkInterfaces } = await ec2.send(new DescribeNetworkInterfacesCommand({}));
  assert.equal(NetworkInterfaces?.length, 2);
});

test('a full node refuses, and the refusal changes nothing', async () => {
  const volume = { DeviceName: '/dev/sdf', Ebs: { VolumeSize: 1 } };
  await assert.rejects(launch({ BlockDeviceMappings: [volume], ClientToken: 'refused' }), {
    name: 'InsufficientInstanceCapacity',
    message: /has 0 B of memory free, 32 GiB are needed/,
  });
  assert.deepEqual(await liveIds(), [first, second].sort());
  assert.deepEqual((await ec2.send(new DescribeVolumesCommand({}))).Volumes, []);
});

test('a stopped instance gives its memory to others, and cannot start until it is back', async () => {
  await ec2.send(new StopInstancesCommand({ InstanceIds: [first] }));
  await waitUntilInstanceStopped({ client: ec2, ...wait }, { InstanceIds: [first] });
  // A token whose call was refused is free for the same call.
  const [third] = await launch({ ClientToken: 'refused' });
  await waitUntilInstanceRunning({ client: ec2, ...wait }, { InstanceIds: [third!] });
  const start = () => ec2.send(new StartInstancesCommand({ InstanceIds: [first] }));
  await assert.rejects(start(), {
    name: 'InsufficientInstanceCapacity',
    message: new RegExp(`node of instance '${first}' has 0 B of memory free`),
  });
  assert.equal((await describe(first)).State?.Name, 'stopped');
  await ec2.send(new TerminateInstancesCommand({ InstanceIds: [third!] }));
  await waitUntilInstanceTerminated({ client: ec2, ...wait }, { InstanceIds: [third!] });
  await start();
  await waitUntilInstanceRunning({ client: ec2, ...wait }, { InstanceIds: [first] });
});

test('limits are refused by their own names', async () => {
  await assert.rejects(launch({ MinCount: 201, MaxCount: 201, InstanceType: 't3.nano' }), {
    name: 'InstanceLimitExceeded',
  });
  const many = Array.from({ length: MOST_VOLUMES + 1 }, (_, index) => ({
    DeviceName: `/dev/xvd${String.fromCharCode(98 + Math.floor(index / 26))}${String.fromCharCode(97 + (index % 26))}`,
    Ebs: { VolumeSize: 1 },
  }));
  await ec2.send(new TerminateInstancesCommand({ InstanceIds: [second] }));
  await waitUntilInstanceTerminated({ client: ec2, ...wait }, { InstanceIds: [second] });
  const tooMany = launch({ BlockDeviceMappings: many, InstanceType: 't3.nano' });
  await assert.rejects(tooMany, { name: 'AttachmentLimitExceeded' });
  const [full] = await launch({ BlockDeviceMappings: many.slice(1), InstanceType: 't3.nano' });
  await waitUntilInstanceRunning({ client: ec2, ...wait }, { InstanceIds: [full!] });
  const { VolumeId } = await createVolume('one-more');
  await eventually(
    'an available volume',
    async () => (await volumeState(VolumeId!)) === 'available',
  );
  const attach = new AttachVolumeCommand({ InstanceId: full!, VolumeId, Device: '/dev/sdz' });
  await assert.rejects(ec2.send(attach), { name: 'AttachmentLimitExceeded' });
  assert.equal(await volumeState(VolumeId!), 'available');
  assert.equal((await describe(full!)).BlockDeviceMappings?.length, MOST_VOLUMES);
  await ec2.send(new TerminateInstancesCommand({ InstanceIds: [full!] }));
  await ec2.send(new DeleteVolumeCommand({ VolumeId }));
  await waitUntilVolumeDeleted({ client: ec2, ...wait }, { VolumeIds: [VolumeId!] });
});

test('a repeated call is the same call, over the daemon’s death too', async () => {
  const request = {
    InstanceType: 't3.nano',
    MinCount: 2,
    MaxCount: 2,
    ClientToken: 'pair',
  } as const;
  const answers = [insist(() => launch(request)), insist(() => createVolume('single'))] as const;
  // Cut off in their middle, or just before, or just after: the token covers each.
  process.kill(await cloud.daemonPid(), 'SIGKILL');
  await cloud.up();
  const [ids, volume] = await Promise.all(answers);
  assert.deepEqual(await launch(request), ids);
  assert.equal((await createVolume('single')).VolumeId, volume!.VolumeId);
  const other = launch({ ...request, MaxCount: 3 });
  await assert.rejects(other, { name: 'IdempotentParameterMismatch' });
  await assert.rejects(createVolume('single', 2), { name: 'IdempotentParameterMismatch' });
  await waitUntilInstanceRunning({ client: ec2, ...wait }, { InstanceIds: ids! });
  assert.deepEqual(await liveIds(), [first, ...ids!].sort());
  const { Reservations } = await ec2.send(
    new DescribeInstancesCommand({ Filters: [{ Name: 'client-token', Values: ['pair'] }] }),
  );
  assert.equal(Reservations?.length, 1);
  const { InstanceStatuses } = await ec2.send(new DescribeInstanceStatusCommand({}));
  assert.deepEqual(InstanceStatuses?.map((one) => one.InstanceId!).sort(), await liveIds());
});

async function launch(request: Partial<RunInstancesCommandInput>): Promise<string[]> {
  const run = await ec2.send(
    new RunInstancesCommand({
      ImageId: imageId,
      InstanceType: HALF_A_NODE,
      MinCount: 1,
      MaxCount: 1,
      ...request,
    }),
  );
  return run.Instances!.map((instance) => instance.InstanceId!);
}

function createVolume(ClientToken: string, Size = 1) {
  const AvailabilityZone = `${cloud.credentials.region}a`;
  return ec2.send(new CreateVolumeCommand({ Size, AvailabilityZone, ClientToken }));
}

async function describeAll(): Promise<Instance[]> {
  const { Reservations } = await ec2.send(new DescribeInstancesCommand({}));
  return Reservations!.flatMap((reservation) => reservation.Instances!);
}

async function describe(id: string): Promise<Instance> {
  return (await describeAll()).find((instance) => instance.InstanceId === id)!;
}

async function liveIds(): Promise<string[]> {
  const all = await describeAll();
  const live = all.filter((one) => !['terminated', 'shutting-down'].includes(one.State!.Name!));
  return live.map((instance) => instance.InstanceId!).sort();
}

async function volumeState(id: string): Promise<string> {
  const { Volumes } = await ec2.send(new DescribeVolumesCommand({ VolumeIds: [id] }));
  return Volumes![0]!.State!;
}
