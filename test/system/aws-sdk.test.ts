// The AWS SDK for JavaScript v3, unchanged, against a whole cloud with the simulated hypervisor.

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, before, test } from 'node:test';
import { CloudWatchClient, ListMetricsCommand } from '@aws-sdk/client-cloudwatch';
import {
  AttachVolumeCommand,
  CreateSnapshotCommand,
  CreateVolumeCommand,
  DeleteSnapshotCommand,
  DeleteVolumeCommand,
  DescribeImagesCommand,
  DescribeInstancesCommand,
  DescribeInstanceTypesCommand,
  DescribeVpcsCommand,
  DetachVolumeCommand,
  EC2Client,
  paginateDescribeInstances,
  RunInstancesCommand,
  StartInstancesCommand,
  StopInstancesCommand,
  TerminateInstancesCommand,
  waitUntilInstanceRunning,
  waitUntilInstanceStopped,
  waitUntilInstanceTerminated,
  waitUntilSnapshotCompleted,
  waitUntilVolumeAvailable,
  waitUntilVolumeInUse,
} from '@aws-sdk/client-ec2';
import {
  CreateBucketCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  ListObjectsV2Command,
  S3Client,
} from '@aws-sdk/client-s3';
import { GetCallerIdentityCommand, STSClient } from '@aws-sdk/client-sts';
import { Upload } from '@aws-sdk/lib-storage';
import { CloudUnderTest } from '../support/cloud-under-test.ts';
import { registerTestImage } from '../support/test-image.ts';

let cloud: CloudUnderTest;
let ec2: EC2Client;
let s3: S3Client;
let imageId: string;

before(async () => {
  cloud = await CloudUnderTest.start({ hypervisor: 'simulated' });
  ec2 = new EC2Client(clientOptions());
  s3 = new S3Client({ ...clientOptions(), forcePathStyle: true });
  imageId = await registerTestImage(ec2, s3);
});
after(async () => {
  ec2?.destroy();
  s3?.destroy();
  await cloud?.[Symbol.asyncDispose]();
});

function clientOptions() {
  const { endpoint, region, accessKeyId, secretAccessKey } = cloud.credentials;
  return { endpoint, region, credentials: { accessKeyId, secretAccessKey } };
}

test('GetCallerIdentity names the account', async () => {
  const sts = new STSClient(clientOptions());
  const { Account, Arn } = await sts.send(new GetCallerIdentityCommand({}));
  assert.match(Account ?? '', /^\d{12}$/);
  assert.equal(Arn, `arn:aws:iam::${Account}:root`);
  sts.destroy();
});

test('CloudWatch is at the same address, for JSON too', async () => {
  const cloudwatch = new CloudWatchClient(clientOptions());
  assert.deepEqual((await cloudwatch.send(new ListMetricsCommand({}))).Metrics, []);
  cloudwatch.destroy();
});

test('what a client finds before it makes anything: image, types, default VPC', async () => {
  const { Images } = await ec2.send(new DescribeImagesCommand({ ImageIds: [imageId] }));
  assert.equal(Images?.[0]?.State, 'available');
  const { InstanceTypes } = await ec2.send(
    new DescribeInstanceTypesCommand({ InstanceTypes: ['t3.micro'] }),
  );
  assert.equal(InstanceTypes?.[0]?.MemoryInfo?.SizeInMiB, 1024);
  const { Vpcs } = await ec2.send(
    new DescribeVpcsCommand({ Filters: [{ Name: 'is-default', Values: ['true'] }] }),
  );
  assert.equal(Vpcs?.length, 1);
});

const wait = { maxWaitTime: 30, minDelay: 1, maxDelay: 1 };

async function launch(): Promise<string> {
  const wish = { ImageId: imageId, InstanceType: 't3.micro', MinCount: 1, MaxCount: 1 } as const;
  const { Instances } = await ec2.send(new RunInstancesCommand(wish));
  return Instances![0]!.InstanceId!;
}

test('an instance lives its whole life', async () => {
  const id = await launch();
  const of = { InstanceIds: [id] };
  await waitUntilInstanceRunning({ client: ec2, ...wait }, of);
  await ec2.send(new StopInstancesCommand(of));
  await waitUntilInstanceStopped({ client: ec2, ...wait }, of);
  const started = await ec2.send(new StartInstancesCommand(of));
  assert.equal(started.StartingInstances?.[0]?.PreviousState?.Name, 'stopped');
  await waitUntilInstanceRunning({ client: ec2, ...wait }, of);
  await ec2.send(new TerminateInstancesCommand(of));
  await waitUntilInstanceTerminated({ client: ec2, ...wait }, of);
});

test('a volume is attached, snapshotted, detached and deleted', async () => {
  const InstanceId = await launch();
  await waitUntilInstanceRunning({ client: ec2, ...wait }, { InstanceIds: [InstanceId] });
  const { VolumeId } = await ec2.send(
    new CreateVolumeCommand({ Size: 1, AvailabilityZone: `${cloud.credentials.region}a` }),
  );
  const of = { VolumeIds: [VolumeId!] };
  await waitUntilVolumeAvailable({ client: ec2, ...wait }, of);
  await ec2.send(new AttachVolumeCommand({ VolumeId, InstanceId, Device: '/dev/sdf' }));
  await waitUntilVolumeInUse({ client: ec2, ...wait }, of);
  const { SnapshotId } = await ec2.send(new CreateSnapshotCommand({ VolumeId }));
  await waitUntilSnapshotCompleted({ client: ec2, ...wait }, { SnapshotIds: [SnapshotId!] });
  await ec2.send(new DetachVolumeCommand({ VolumeId }));
  await waitUntilVolumeAvailable({ client: ec2, ...wait }, of);
  await ec2.send(new DeleteVolumeCommand({ VolumeId }));
  await ec2.send(new DeleteSnapshotCommand({ SnapshotId }));
  await ec2.send(new TerminateInstancesCommand({ InstanceIds: [InstanceId] }));
});

test('the same ClientToken is the same call', async () => {
  const request = {
    ImageId: imageId,
    InstanceType: 't3.micro' as const,
    MinCount: 2,
    MaxCount: 2,
    ClientToken: 'once',
  };
  const [first, second] = await Promise.all([
    ec2.send(new RunInstancesCommand(request)),
    ec2.send(new RunInstancesCommand(request)),
  ]);
  const ids = (answer: typeof first) =>
    answer.Instances?.map((instance) => instance.InstanceId).sort();
  assert.deepEqual(ids(first), ids(second));
  const other = ec2.send(new RunInstancesCommand({ ...request, MaxCount: 3 }));
  await assert.rejects(other, { name: 'IdempotentParameterMismatch' });
  await ec2.send(new TerminateInstancesCommand({ InstanceIds: ids(first) as string[] }));
});

test('pages hold every instance once', async () => {
  const run = await ec2.send(
    new RunInstancesCommand({
      ImageId: imageId,
      InstanceType: 't3.nano',
      MinCount: 12,
      MaxCount: 12,
    }),
  );
  const made = run.Instances!.map((instance) => instance.InstanceId!);
  const Filters = [{ Name: 'reservation-id', Values: [run.ReservationId!] }];
  const seen: string[] = [];
  for await (const page of paginateDescribeInstances({ client: ec2, pageSize: 5 }, { Filters })) {
    seen.push(
      ...(page.Reservations ?? []).flatMap((r) => (r.Instances ?? []).map((i) => i.InstanceId!)),
    );
  }
  assert.deepEqual(seen.sort(), made.sort());
  await ec2.send(new TerminateInstancesCommand({ InstanceIds: made }));
  const { Reservations } = await ec2.send(
    new DescribeInstancesCommand({ InstanceIds: made.slice(0, 1) }),
  );
  assert.match(Reservations?.[0]?.Instances?.[0]?.State?.Name ?? '', /shutting-down|terminated/);
});

test('a stream of unknown length becomes an object, in parts, and comes back', async () => {
  await s3.send(new CreateBucketCommand({ Bucket: 'sdk' }));
  const bytes = randomBytes(12 * 1024 * 1024);
  await new Upload({
    client: s3,
    params: { Bucket: 'sdk', Key: 'a/ü b', Body: bytes },
    partSize: 5 * 1024 * 1024,
  }).done();
  const { Body } = await s3.send(new GetObjectCommand({ Bucket: 'sdk', Key: 'a/ü b' }));
  assert.ok(Buffer.from(await Body!.transformToByteArray()).equals(bytes));
  const listed = await s3.send(new ListObjectsV2Command({ Bucket: 'sdk', Prefix: 'a/' }));
  assert.deepEqual(
    listed.Contents?.map((object) => object.Size),
    [bytes.length],
  );
  await s3.send(new DeleteObjectCommand({ Bucket: 'sdk', Key: 'a/ü b' }));
});
