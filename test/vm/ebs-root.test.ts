// A guest whose root disk is a volume: from a snapshot to an instance, from the instance to an image, from the image to
// another instance that has what the first one wrote. The two share a volume, and nothing is left of any of it.

import assert from 'node:assert/strict';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { systemClock } from '@ironbark/platform/clock.ts';
import { CloudUnderTest, eventually } from '../support/cloud-under-test.ts';
import { type DirectGuest, launchDirectGuest } from '../support/direct-guest.ts';
import { TROUBLE } from '../support/guest-fio.ts';
import { startWriter } from '../support/guest-writer.ts';
import { answersSsh } from '../support/guests.ts';
import { shareVolume } from '../support/volume-sharing.ts';
import { targetPid } from '../support/volumes.ts';

const skip =
  process.getuid?.() === 0 ? false : 'NOT TESTED: real guests on a bridge need root for taps';
const ROOT = '/dev/vda';
/** A guest has 90 seconds to go down; a busy host reads its volume as slowly. */
const STOP_LIMIT_MS = 120_000;

let cloud: CloudUnderTest;
let guest: DirectGuest;
/** Of an image of it. */
let copy: DirectGuest;

before(async () => {
  if (skip !== false) return;
  cloud = await CloudUnderTest.start();
});
after(async () => {
  await cloud?.[Symbol.asyncDispose]();
});

async function describeImage(id: string) {
  return (await cloud.ec2().call('DescribeImages', { ImageIds: [id] })).Images![0]!;
}

async function describeInstance(id: string) {
  const { Reservations } = await cloud.ec2().call('DescribeInstances', { InstanceIds: [id] });
  return Reservations![0]!.Instances![0]!;
}

async function rootOf(id: string): Promise<string> {
  return (await describeInstance(id)).BlockDeviceMappings![0]!.Ebs!.VolumeId!;
}

/** What the guest has as its root file system, by its serial: the volume. */
async function rootSerial(of: DirectGuest): Promise<string> {
  const device = await of.run("sed -n 's|^/dev/\\([^ ]*\\) / .*|\\1|p' /proc/mounts");
  return of.run(`cat /sys/block/${device}/serial`);
}

test('an instance runs from a volume that is made of its image’s snapshot', { skip }, async (t) => {
  const ec2 = cloud.ec2();
  const builtMs = systemClock.monotonicMs();
  const args = ['image', 'build', 'micro', '--root-device', 'ebs'] as const;
  const { imageId, name } = await cloud.json<{ imageId: string; name: string }>(...args);
  t.diagnostic(`the image took ${Math.round(systemClock.monotonicMs() - builtMs)} ms`);
  const built = await describeImage(imageId);
  assert.equal(built.RootDeviceType, 'ebs');
  const { SnapshotId } = built.BlockDeviceMappings![0]!.Ebs!;
  const { ImageId } = await ec2.call('RegisterImage', {
    Name: 'of-a-snapshot',
    // The micro image has no boot loader: what it boots with is in its manifest.
    ImageLocation: `ironbark-images/micro/${name.slice('micro-ebs-'.length)}/manifest.json`,
    BlockDeviceMappings: [{ DeviceName: ROOT, Ebs: { SnapshotId: SnapshotId! } }],
  });
  const launchedMs = systemClock.monotonicMs();
  guest = await launchDirectGuest(cloud, { image: ImageId! });
  t.diagnostic(`launched in ${Math.round(systemClock.monotonicMs() - launchedMs)} ms`);
  const volume = await rootOf(guest.id);
  assert.equal(await rootSerial(guest), volume.replace('-', ''));
  const { Volumes } = await ec2.call('DescribeVolumes', { VolumeIds: [volume] });
  assert.equal(Volumes![0]!.SnapshotId, SnapshotId);
  const metrics = (await cloud.ironbark('metrics')).stdout.split('\n');
  const reads = metrics.find((line) => /^ironbark_volume_read_ops_total/.test(line));
  assert.ok(Number(reads?.split(' ').at(-1)) > 0, reads);
});

test('what serves the root disk is killed, and the guest waits and goes on', { skip }, async () => {
  const writer = await startWriter(guest, '/root/data');
  await writer.untilMore(2);
  process.kill(await targetPid(cloud, await rootOf(guest.id)), 'SIGKILL');
  await writer.untilMore(2);
  await writer.stop();
  assert.equal(await guest.run(TROUBLE), '');
});

test('an image of it has what was written, and its instance runs on', { skip }, async (t) => {
  const ec2 = cloud.ec2();
  await guest.run('echo kept > /root/kept');
  // No `sync`: the guest is shut down for it.
  const askedMs = systemClock.monotonicMs();
  const { ImageId } = await ec2.call('CreateImage', { InstanceId: guest.id, Name: 'at-rest' });
  const since = () => `${Math.round(systemClock.monotonicMs() - askedMs)} ms`;
  const isIn = (state: string) => async () =>
    (await describeInstance(guest.id)).State!.Name === state;
  await eventually('the guest is off', isIn('stopped'), { timeoutMs: STOP_LIMIT_MS });
  t.diagnostic(`the guest is off after ${since()}`);
  await eventually('the guest is up again', isIn('running'));
  t.diagnostic(`the guest is up again after ${since()}`);
  const isMade = async () => (await describeImage(ImageId!)).State === 'available';
  await eventually('the image', isMade, { timeoutMs: STOP_LIMIT_MS });
  t.diagnostic(`the image is available after ${since()}`);
  copy = await launchDirectGuest(cloud, { image: ImageId! });
  assert.equal(await copy.run('cat /root/kept'), 'kept');
  assert.equal(await rootSerial(copy), (await rootOf(copy.id)).replace('-', ''));
  assert.notEqual(await rootOf(copy.id), await rootOf(guest.id));
});

test('two guests share a volume, and lose it one by one', { skip }, async () => {
  await eventually('the first one is up again', () => answersSsh(guest.run));
  await shareVolume(cloud, [guest, copy]);
});

test('nothing is left of both, their volumes and their images', { skip }, async () => {
  const ec2 = cloud.ec2();
  await ec2.call('TerminateInstances', { InstanceIds: [guest.id, copy.id] });
  await eventually('no volume is left', async () => {
    return (await ec2.call('DescribeVolumes', {})).Volumes!.length === 0;
  });
  for (const folder of ['storage/volumes', 'storage/run/processes']) {
    const isLeft = (name: string) => name.startsWith('vol-');
    const names = () => readdir(join(cloud.dataDir, folder));
    await eventually(`no volume in ${folder}`, async () => !(await names()).some(isLeft));
  }
  const { Images } = await ec2.call('DescribeImages', { Owners: ['self'] });
  for (const image of Images!.filter(({ RootDeviceType }) => RootDeviceType === 'ebs')) {
    const all = { ImageId: image.ImageId!, DeleteAssociatedSnapshots: true };
    await ec2.call('DeregisterImage', all);
  }
  await eventually('no snapshot is left', async () => {
    return (await ec2.call('DescribeSnapshots', { OwnerIds: ['self'] })).Snapshots!.length === 0;
  });
});
