// A real guest's whole life through the AWS SDK for JavaScript v3, unchanged: disks, power, and how it ends.

import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { after, before, test } from 'node:test';
import {
  AttachVolumeCommand,
  CreateKeyPairCommand,
  CreateSnapshotCommand,
  CreateVolumeCommand,
  DeleteSnapshotCommand,
  DeleteVolumeCommand,
  DescribeImagesCommand,
  DescribeInstancesCommand,
  DescribeVolumesCommand,
  DetachVolumeCommand,
  EC2Client,
  type Instance,
  ModifyInstanceAttributeCommand,
  RebootInstancesCommand,
  RunInstancesCommand,
  StartInstancesCommand,
  StopInstancesCommand,
  TerminateInstancesCommand,
  waitUntilInstanceRunning,
  waitUntilInstanceStatusOk,
  waitUntilInstanceStopped,
  waitUntilInstanceTerminated,
  waitUntilSnapshotCompleted,
  waitUntilVolumeAvailable,
  waitUntilVolumeDeleted,
  waitUntilVolumeInUse,
} from '@aws-sdk/client-ec2';
import { CreateBucketCommand, GetObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { Upload } from '@aws-sdk/lib-storage';
import { MIB } from '@ironbark/core/units.ts';
import { CloudUnderTest, eventually } from '../support/cloud-under-test.ts';
import { shellOf } from '../support/direct-guest.ts';
import { answersSsh, findDevice, readUptime, type Shell, saveKey } from '../support/guests.ts';

const skip =
  process.getuid?.() === 0 ? false : 'NOT TESTED: real guests on a bridge need root for taps';
const OBJECT_BYTES = 64 * MIB;
const KEY_NAME = 'sdk';
const USER_DATA = '#!/bin/sh\necho "made by user data" > /root/made\n';
const wait = { maxWaitTime: 60, minDelay: 1, maxDelay: 1 };

let cloud: CloudUnderTest;
let ec2: EC2Client;
let s3: S3Client;
/** The one that lives through everything, and one that goes when it powers off. */
let main = '';
let brief = '';
/** Made with the instance, and goes with it. */
let dataVolume = '';

before(async () => {
  if (skip !== false) return;
  cloud = await CloudUnderTest.start();
  const { endpoint, region, accessKeyId, secretAccessKey } = cloud.credentials;
  const options = { endpoint, region, credentials: { accessKeyId, secretAccessKey } };
  ec2 = new EC2Client(options);
  s3 = new S3Client({ ...options, forcePathStyle: true });
});
after(async () => {
  ec2?.destroy();
  s3?.destroy();
  await cloud?.[Symbol.asyncDispose]();
});

test('64 MiB travel to a bucket in parts and back as a stream, unchanged', { skip }, async () => {
  const bytes = randomBytes(OBJECT_BYTES);
  const Bucket = 'sdk-first';
  await s3.send(new CreateBucketCommand({ Bucket }));
  const upload = new Upload({
    client: s3,
    params: { Bucket, Key: 'some/key', Body: Readable.from(slices(bytes)) },
  });
  await upload.done();
  const { Body, ContentLength } = await s3.send(new GetObjectCommand({ Bucket, Key: 'some/key' }));
  assert.equal(ContentLength, OBJECT_BYTES);
  const back = createHash('sha256');
  for await (const chunk of Body as Readable) back.update(chunk);
  assert.equal(back.digest('hex'), createHash('sha256').update(bytes).digest('hex'));
});

function* slices(bytes: Buffer): Generator<Buffer> {
  for (let at = 0; at < bytes.length; at += MIB) yield bytes.subarray(at, at + MIB);
}

test('an instance with user data and a data volume runs and answers ssh', { skip }, async () => {
  const key = await ec2.send(new CreateKeyPairCommand({ KeyName: KEY_NAME }));
  await saveKey(cloud, KEY_NAME, key.KeyMaterial!);
  main = await launch({
    UserData: Buffer.from(USER_DATA).toString('base64'),
    BlockDeviceMappings: [
      { DeviceName: '/dev/sdf', Ebs: { VolumeSize: 1, DeleteOnTermination: true } },
    ],
  });
  brief = await launch({ InstanceInitiatedShutdownBehavior: 'terminate' });
  const both = { InstanceIds: [main, brief] };
  await waitUntilInstanceRunning({ client: ec2, ...wait }, both);
  await waitUntilInstanceStatusOk({ client: ec2, ...wait }, both);
  await untilSsh(main);
  const { BlockDeviceMappings } = await describe(main);
  dataVolume = BlockDeviceMappings!.find((m) => m.DeviceName === '/dev/sdf')!.Ebs!.VolumeId!;
  await untilSays(main, 'cat /root/made', 'made by user data');
});

test('the data volume is in the guest from its first boot', { skip }, async () => {
  const device = await findDevice(inside(main), dataVolume);
  const byId = `/dev/disk/by-id/virtio-${dataVolume.replace('-', '')}`;
  assert.equal(await says(main, `readlink -f ${byId}`), device);
  assert.equal(await says(main, `blockdev --getsize64 ${device}`), String(1024 * MIB));
  await says(main, `mke2fs -q -t ext4 ${device} && mkdir -p /mnt/data && sync`);
});

test('a guest that powers itself off ends terminated when that was asked for', {
  skip,
}, async () => {
  await untilSsh(brief);
  await powerOff(brief);
  await waitUntilInstanceTerminated({ client: ec2, ...wait }, { InstanceIds: [brief] });
  assert.equal((await describe(brief)).StateReason?.Code, 'Client.InstanceInitiatedShutdown');
});

test('what is written to a volume is in its snapshot and in a volume made from that', {
  skip,
}, async () => {
  const made = await ec2.send(
    new CreateVolumeCommand({ Size: 1, AvailabilityZone: `${cloud.credentials.region}a` }),
  );
  const first = made.VolumeId!;
  const device = await attach(first, '/dev/sdg');
  await says(
    main,
    `mke2fs -q -t ext4 ${device} && mkdir -p /mnt/v && mount ${device} /mnt/v && echo kept > /mnt/v/file && sync && umount /mnt/v`,
  );
  await detach(first);
  const { SnapshotId } = await ec2.send(new CreateSnapshotCommand({ VolumeId: first }));
  await waitUntilSnapshotCompleted({ client: ec2, ...wait }, { SnapshotIds: [SnapshotId!] });
  const copied = await ec2.send(
    new CreateVolumeCommand({ SnapshotId, AvailabilityZone: `${cloud.credentials.region}a` }),
  );
  const second = copied.VolumeId!;
  const copy = await attach(second, '/dev/sdg');
  assert.equal(
    await says(main, `mount ${copy} /mnt/v && cat /mnt/v/file && umount /mnt/v`),
    'kept',
  );
  await detach(second);
  await ec2.send(new DeleteVolumeCommand({ VolumeId: first }));
  await ec2.send(new DeleteVolumeCommand({ VolumeId: second }));
  await ec2.send(new DeleteSnapshotCommand({ SnapshotId }));
  await waitUntilVolumeDeleted({ client: ec2, ...wait }, { VolumeIds: [first, second] });
});

test('a reboot starts the guest’s clock again and keeps its disk', { skip }, async () => {
  await says(main, 'echo rebooted > /root/kept && sync');
  const { LaunchTime } = await describe(main);
  const uptimeBefore = await readUptime(inside(main));
  const askedMs = performance.now();
  await ec2.send(new RebootInstancesCommand({ InstanceIds: [main] }));
  await eventually('a younger guest', async () => {
    const uptime = await readUptime(inside(main)).catch(() => undefined);
    // Without a reboot it would be older by the time that has passed.
    return uptime !== undefined && uptime < uptimeBefore + (performance.now() - askedMs) / 1000 - 2;
  });
  assert.equal(await says(main, 'cat /root/kept'), 'rebooted');
  const after = await describe(main);
  assert.equal(after.State?.Name, 'running');
  assert.deepEqual(after.LaunchTime, LaunchTime);
});

test('a guest that powers itself off is stopped, and starts again with its disks', {
  skip,
}, async () => {
  await powerOff(main);
  await waitUntilInstanceStopped({ client: ec2, ...wait }, { InstanceIds: [main] });
  assert.equal((await describe(main)).StateReason?.Code, 'Client.InstanceInitiatedShutdown');
  await start(main);
  assert.equal(await says(main, 'cat /root/kept'), 'rebooted');
  // User data runs at the first boot only.
  assert.equal(await says(main, 'ls /var/lib/ironbark/user-data-ran-* | wc -l'), '1');
  const device = await findDevice(inside(main), dataVolume);
  assert.equal(
    await says(main, `mount ${device} /mnt/data && umount /mnt/data && echo whole`),
    'whole',
  );
});

test('stop and start keep address, disk and volume', { skip }, async () => {
  const before = await describe(main);
  await ec2.send(new StopInstancesCommand({ InstanceIds: [main] }));
  await waitUntilInstanceStopped({ client: ec2, ...wait }, { InstanceIds: [main] });
  assert.equal((await describe(main)).StateReason?.Code, 'Client.UserInitiatedShutdown');
  await start(main);
  const after = await describe(main);
  assert.equal(after.PrivateIpAddress, before.PrivateIpAddress);
  assert.ok(after.LaunchTime! > before.LaunchTime!);
  assert.deepEqual(after.BlockDeviceMappings, before.BlockDeviceMappings);
  assert.equal(await says(main, 'cat /root/kept'), 'rebooted');
});

test('a protected instance is not terminated until its protection is gone', { skip }, async () => {
  const InstanceIds = [main];
  await protect(true);
  await assert.rejects(ec2.send(new TerminateInstancesCommand({ InstanceIds })), {
    name: 'OperationNotPermitted',
    message: /disableApiTermination/,
  });
  assert.equal((await describe(main)).State?.Name, 'running');
  await protect(false);
  await ec2.send(new TerminateInstancesCommand({ InstanceIds }));
  await waitUntilInstanceTerminated({ client: ec2, ...wait }, { InstanceIds });
  await waitUntilVolumeDeleted({ client: ec2, ...wait }, { VolumeIds: [dataVolume] });
});

test('nothing of the instances is left with the node or the storage', { skip }, async () => {
  const { Volumes } = await ec2.send(new DescribeVolumesCommand({}));
  assert.deepEqual(Volumes, []);
  const { node } = await cloud.status();
  assert.deepEqual(
    node.instances.filter((one) => one.power !== 'terminated'),
    [],
  );
  assert.deepEqual(await readdir(join(cloud.dataDir, 'node/instances')), []);
});

async function launch(
  request: Partial<ConstructorParameters<typeof RunInstancesCommand>[0]>,
): Promise<string> {
  const { Images } = await ec2.send(new DescribeImagesCommand({ Owners: ['self'] }));
  const run = await ec2.send(
    new RunInstancesCommand({
      ImageId: Images![0]!.ImageId!,
      InstanceType: 't3.nano',
      KeyName: KEY_NAME,
      MinCount: 1,
      MaxCount: 1,
      ...request,
    }),
  );
  return run.Instances![0]!.InstanceId!;
}

async function describe(id: string): Promise<Instance> {
  const { Reservations } = await ec2.send(new DescribeInstancesCommand({ InstanceIds: [id] }));
  return Reservations![0]!.Instances![0]!;
}

/** Each has one connection. */
function inside(id: string): Shell {
  return shellOf(() => cloud, { id: () => id, keyName: KEY_NAME });
}

async function says(id: string, command: string): Promise<string> {
  return await inside(id)(command);
}

async function untilSays(id: string, command: string, answer: string): Promise<void> {
  await eventually(command, async () => (await says(id, `${command} || true`)) === answer);
}

async function untilSsh(id: string): Promise<void> {
  await eventually('ssh', async () => await answersSsh(inside(id)));
}

async function start(id: string): Promise<void> {
  await ec2.send(new StartInstancesCommand({ InstanceIds: [id] }));
  await waitUntilInstanceRunning({ client: ec2, ...wait }, { InstanceIds: [id] });
  await untilSsh(id);
}

/** From inside; the connection ends with the guest. */
async function powerOff(id: string): Promise<void> {
  await says(id, 'sync; (sleep 1; poweroff) > /dev/null 2>&1 &');
}

async function attach(VolumeId: string, Device: string): Promise<string> {
  const of = { VolumeIds: [VolumeId] };
  await waitUntilVolumeAvailable({ client: ec2, ...wait }, of);
  await ec2.send(new AttachVolumeCommand({ VolumeId, InstanceId: main, Device }));
  await waitUntilVolumeInUse({ client: ec2, ...wait }, of);
  return await findDevice(inside(main), VolumeId);
}

async function detach(VolumeId: string): Promise<void> {
  await ec2.send(new DetachVolumeCommand({ VolumeId }));
  await waitUntilVolumeAvailable({ client: ec2, ...wait }, { VolumeIds: [VolumeId] });
}

async function protect(Value: boolean): Promise<void> {
  await ec2.send(
    new ModifyInstanceAttributeCommand({ InstanceId: main, DisableApiTermination: { Value } }),
  );
}
