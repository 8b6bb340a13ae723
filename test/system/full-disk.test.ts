// A cloud whose disk is full: what does not fit is refused with AWS's code and a sentence that helps, nothing is
// half made, the API stays up, and everything works again once there is space.

import assert from 'node:assert/strict';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { after, before, beforeEach, test } from 'node:test';
import {
  CreateKeyPairCommand,
  CreateVolumeCommand,
  DeleteVolumeCommand,
  DescribeInstancesCommand,
  DescribeNetworkInterfacesCommand,
  DescribeVolumesCommand,
  type EC2Client,
  RunInstancesCommand,
  type RunInstancesCommandInput,
  TerminateInstancesCommand,
  waitUntilInstanceRunning,
  waitUntilInstanceTerminated,
  waitUntilVolumeAvailable,
  waitUntilVolumeDeleted,
} from '@aws-sdk/client-ec2';
import {
  CreateBucketCommand,
  GetObjectCommand,
  ListMultipartUploadsCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  type S3Client,
} from '@aws-sdk/client-s3';
import { Upload } from '@aws-sdk/lib-storage';
import { GIB, KIB, MIB } from '@ironbark/core/units.ts';
import { createEc2, createS3 } from '../support/clients.ts';
import { CloudUnderTest, eventually } from '../support/cloud-under-test.ts';
import { SmallDisk } from '../support/small-disk.ts';
import { registerTestImage } from '../support/test-image.ts';

const skip =
  process.getuid?.() === 0 ? false : 'NOT TESTED: mounting a small disk and real guests need root';
/** A root disk and a volume fit; a node leaves the last GiB to its host. */
const DISK_BYTES = 4 * GIB;
const ROOT_DISK_BYTES = 1 * GIB;
const Bucket = 'small';
const wait = { maxWaitTime: 60, minDelay: 1, maxDelay: 1 };

let disk: SmallDisk;
let cloud: CloudUnderTest;
let ec2: EC2Client;
let s3: S3Client;
let imageId = '';
let running = '';

before(async () => {
  if (skip !== false) return;
  disk = await SmallDisk.make(DISK_BYTES);
  const flags = ['--no-image', '--network', 'user'];
  cloud = await CloudUnderTest.start({ hypervisor: 'qemu', flags, parent: disk.path });
  ec2 = createEc2(cloud);
  s3 = createS3(cloud);
  imageId = await registerTestImage(ec2, s3, { rootDiskBytes: ROOT_DISK_BYTES });
  await s3.send(new CreateBucketCommand({ Bucket }));
  await s3.send(new PutObjectCommand({ Bucket, Key: 'kept', Body: 'kept' }));
});
beforeEach(() => disk?.empty());
after(async () => {
  ec2?.destroy();
  s3?.destroy();
  await cloud?.[Symbol.asyncDispose]();
  await disk?.[Symbol.asyncDispose]();
});

test('a volume that does not fit is refused with the numbers', { skip }, async () => {
  await assert.rejects(createVolume(20), {
    name: 'InsufficientVolumeCapacity',
    message: /GiB free for volumes; this one needs 20 GiB/,
  });
  assert.deepEqual(await volumeFiles(), []);
  assert.deepEqual((await ec2.send(new DescribeVolumesCommand({}))).Volumes, []);
});

test('of two volumes at once of which one fits, one is made', { skip }, async () => {
  const answers = await Promise.allSettled([createVolume(2), createVolume(2)]);
  const made = answers.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
  const refused = answers.flatMap((one) => (one.status === 'rejected' ? [one.reason.name] : []));
  assert.deepEqual(refused, ['InsufficientVolumeCapacity']);
  const of = { VolumeIds: [made[0]!.VolumeId!] };
  await waitUntilVolumeAvailable({ client: ec2, ...wait }, of);
  await ec2.send(new DeleteVolumeCommand({ VolumeId: of.VolumeIds[0] }));
  await waitUntilVolumeDeleted({ client: ec2, ...wait }, of);
  assert.deepEqual(await volumeFiles(), []);
});

test('an instance whose data volume does not fit is not launched at all', { skip }, async () => {
  const mapping = { DeviceName: '/dev/sdf', Ebs: { VolumeSize: 20 } };
  await assert.rejects(launch({ BlockDeviceMappings: [mapping] }), {
    name: 'InsufficientVolumeCapacity',
    message: /this one needs 20 GiB/,
  });
  await assertNoInstances();
});

test('an instance fits, and runs', { skip }, async () => {
  running = await launch();
  await waitUntilInstanceRunning({ client: ec2, ...wait }, { InstanceIds: [running] });
});

test('an instance whose disk does not fit is refused or fails, and leaves nothing', {
  skip,
}, async () => {
  await disk.fill(1.5 * GIB);
  // The node's last report is from before: it finds out itself, and says why.
  const id = await launch().catch(assertNoRoomForInstance);
  if (id !== undefined) await assertFailedForSpace(id);
  await eventually('the node’s report', async () => {
    return await launch()
      .then(assertFailedForSpace, assertNoRoomForInstance)
      .then(() => true);
  });
  assert.deepEqual(await readdir(join(cloud.dataDir, 'node/instances')), [running]);
});

test('an object that does not fit is refused, in one piece and in parts', { skip }, async () => {
  await disk.fill(100 * MIB);
  const Body = Buffer.alloc(110 * MIB, 7);
  await assert.rejects(s3.send(new PutObjectCommand({ Bucket, Key: 'large', Body })), {
    name: 'InsufficientStorage',
    message: /no room/,
  });
  const params = { Bucket, Key: 'parts', Body: Readable.from(slices(Body)) };
  await assert.rejects(new Upload({ client: s3, params }).done(), { name: 'InsufficientStorage' });
  const { Contents } = await s3.send(new ListObjectsV2Command({ Bucket }));
  assert.deepEqual(
    Contents?.map((object) => object.Key),
    ['kept'],
  );
  const { Uploads } = await s3.send(new ListMultipartUploadsCommand({ Bucket }));
  assert.deepEqual(Uploads ?? [], []);
  await eventually('the space of the parts', async () => (await disk.freeBytes()) > 95 * MIB);
});

test('with no block left, the API answers and says what is wrong', { skip }, async () => {
  await disk.fill(64 * KIB);
  await disk.fill(0).catch(() => {});
  for (let attempt = 0; attempt < 40; attempt++) {
    await ec2
      .send(new CreateKeyPairCommand({ KeyName: `full-${attempt}` }))
      .catch((error) => assertNoSpace(error));
  }
  await assert.rejects(createVolume(1), { name: 'InsufficientVolumeCapacity' });
  await assert.rejects(s3.send(new PutObjectCommand({ Bucket, Key: 'more', Body: 'more' })), {
    name: 'InsufficientStorage',
  });
  const { Reservations } = await ec2.send(new DescribeInstancesCommand({ InstanceIds: [running] }));
  assert.equal(Reservations![0]!.Instances![0]!.State!.Name, 'running');
  const { Body } = await s3.send(new GetObjectCommand({ Bucket, Key: 'kept' }));
  assert.equal(await Body!.transformToString(), 'kept');
});

test('with space again everything works, without a restart', { skip }, async () => {
  await ec2.send(new CreateKeyPairCommand({ KeyName: 'again' }));
  await s3.send(new PutObjectCommand({ Bucket, Key: 'again', Body: 'again' }));
  const { VolumeId } = await createVolume(1);
  await waitUntilVolumeAvailable({ client: ec2, ...wait }, { VolumeIds: [VolumeId!] });
  await ec2.send(new DeleteVolumeCommand({ VolumeId }));
  const second = await eventually('room for an instance', async () => {
    return await launch().catch(assertNoRoomForInstance);
  });
  const both = { InstanceIds: [running, second] };
  await waitUntilInstanceRunning({ client: ec2, ...wait }, both);
  await ec2.send(new TerminateInstancesCommand(both));
  await waitUntilInstanceTerminated({ client: ec2, ...wait }, both);
  assert.deepEqual(await readdir(join(cloud.dataDir, 'node/instances')), []);
  await waitUntilVolumeDeleted({ client: ec2, ...wait }, { VolumeIds: [VolumeId!] });
  assert.deepEqual(await volumeFiles(), []);
});

function createVolume(Size: number) {
  const AvailabilityZone = `${cloud.credentials.region}a`;
  return ec2.send(new CreateVolumeCommand({ Size, AvailabilityZone }));
}

async function launch(request: Partial<RunInstancesCommandInput> = {}): Promise<string> {
  const run = await ec2.send(
    new RunInstancesCommand({
      ImageId: imageId,
      InstanceType: 't3.nano',
      MinCount: 1,
      MaxCount: 1,
      ...request,
    }),
  );
  return run.Instances![0]!.InstanceId!;
}

function assertNoRoomForInstance(error: Error): undefined {
  assert.equal(error.name, 'InsufficientInstanceCapacity');
  assert.match(error.message, /of disk free, 1 GiB are needed/);
}

async function assertFailedForSpace(id: string): Promise<void> {
  const failed = await eventually('the end of the launch', async () => {
    const { Reservations } = await ec2.send(new DescribeInstancesCommand({ InstanceIds: [id] }));
    const instance = Reservations![0]!.Instances![0]!;
    return instance.State?.Name === 'terminated' ? instance : undefined;
  });
  assert.match(failed.StateReason?.Code ?? '', /^Server\./);
  assert.match(failed.StateReason?.Message ?? '', /disk has .* left for instances/);
}

async function assertNoInstances(): Promise<void> {
  const { Reservations } = await ec2.send(new DescribeInstancesCommand({}));
  assert.deepEqual(Reservations, []);
  const { NetworkInterfaces } = await ec2.send(new DescribeNetworkInterfacesCommand({}));
  assert.deepEqual(NetworkInterfaces, []);
}

/** A full state store is an error for people, not a fault of ours. */
function assertNoSpace(error: Error): void {
  assert.equal(error.name, 'InsufficientCapacity');
  assert.match(error.message, /disk .* is full/);
}

async function volumeFiles(): Promise<string[]> {
  const names = await readdir(join(cloud.dataDir, 'storage/volumes'));
  return names.filter((name) => name.endsWith('.raw'));
}

function* slices(bytes: Buffer): Generator<Buffer> {
  for (let at = 0; at < bytes.length; at += MIB) yield bytes.subarray(at, at + MIB);
}
