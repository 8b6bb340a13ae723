// The whole cloud without root: everything runs as a user without rights, and guests are real.

import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import type { Ec2Client } from '@ironbark/protocol/ec2/client.ts';
import { CloudUnderTest, eventually } from '../support/cloud-under-test.ts';
import { guestPid, processesNaming, socketsIn } from '../support/host-snapshot.ts';
import { createOtherUser, type OtherUser } from '../support/other-user.ts';

const skip = process.getuid?.() === 0 ? false : 'needs root to become another user';

let user: OtherUser;
let cloud: CloudUnderTest;
let ec2: Ec2Client;
let id = '';
let volumeId = '';

before(async () => {
  if (skip !== false) return;
  user = await createOtherUser();
});
after(async () => {
  await cloud?.[Symbol.asyncDispose]();
  await user?.[Symbol.asyncDispose]();
});

test('up builds the first image, and the network is the user’s', { skip }, async () => {
  cloud = await CloudUnderTest.start({ as: user });
  ec2 = cloud.ec2();
  const { config, dataDir, counts } = await cloud.status();
  assert.equal(config.network, 'user');
  assert.equal(dataDir, join(user.home, '.local/share/ironbark'));
  assert.equal(counts['images'], 1);
});

test('an instance answers ssh, was given its user data, and finds its metadata', {
  skip,
}, async () => {
  const script = join(user.home, 'user-data.sh');
  await writeFile(script, '#!/bin/sh\necho "made by user data" > /root/made\n');
  const args = ['--name', 'web', '--user-data', script];
  id = (await cloud.json<{ instanceId: string }>('launch', ...args)).instanceId;
  await eventually('user data', async () =>
    (await ssh('cat /root/made || true')).includes('made by user data'),
  );
  const read =
    'wget -q -O - "$(sed "s/.*ironbark.metadata=//; s/ .*//" /proc/cmdline)latest/meta-data/instance-id"';
  assert.equal((await ssh(read)).trim(), id);
  assert.match(await ssh('hostname'), /^ip-172-31-/);
});

test('a volume is attached and written, and its snapshot becomes a volume with the same data', {
  skip,
}, async () => {
  volumeId = (await ec2.call('CreateVolume', { AvailabilityZone: zone(), Size: 1 })).VolumeId!;
  const device = await attach(volumeId, '/dev/sdf');
  await ssh(`mke2fs -q -t ext4 ${device} && mount ${device} /mnt && echo kept > /mnt/file && sync`);
  const { SnapshotId } = await ec2.call('CreateSnapshot', { VolumeId: volumeId });
  await eventually('the snapshot', async () => {
    const { Snapshots } = await ec2.call('DescribeSnapshots', { SnapshotIds: [SnapshotId!] });
    return Snapshots?.[0]?.State === 'completed';
  });
  const copy = await ec2.call('CreateVolume', {
    AvailabilityZone: zone(),
    SnapshotId: SnapshotId!,
  });
  const copied = await attach(copy.VolumeId!, '/dev/sdg');
  assert.equal(
    (await ssh(`mkdir /copy && mount ${copied} /copy && cat /copy/file`)).trim(),
    'kept',
  );
  await ssh('umount /copy /mnt');
  await ec2.call('DetachVolume', { VolumeId: copy.VolumeId! });
  await eventually('the copy is free', async () => await isVolume(copy.VolumeId!, 'available'));
  await ec2.call('DeleteVolume', { VolumeId: copy.VolumeId! });
});

test('kill -9 of the daemon leaves the guest running, and up takes it over', { skip }, async () => {
  const uptimeBefore = await uptime();
  process.kill(await cloud.daemonPid(), 'SIGKILL');
  const { stderr } = await cloud.up();
  assert.match(stderr, /not root/);
  assert.match(stderr, /Lost: .*traffic between guests/);
  await eventually('the guest’s report', async () => (await stateOf(id)) === 'running');
  assert.ok((await uptime()) > uptimeBefore);
});

test('a guest that crashes comes back on another port when its own was taken', {
  skip,
}, async () => {
  await ssh('echo survives > /root/kept && sync');
  const before = await sshPort();
  // The guest's process holds its port; with SIGKILL a listener of ours is there before it is started again.
  const squatter = createServer();
  process.kill(guestPid(id), 'SIGKILL');
  await eventually(
    'the port is ours',
    async () =>
      await new Promise<boolean>((resolve) => {
        squatter.once('error', () => resolve(false));
        squatter.listen(before, '127.0.0.1', () => resolve(true));
      }),
    { intervalMs: 1 },
  );
  try {
    await eventually('the guest on a new port', async () => (await sshPort()) !== before);
    const kept = await eventually('ssh', async () => ssh('cat /root/kept').catch(() => undefined));
    assert.equal(kept.trim(), 'survives');
  } finally {
    await new Promise((resolve) => squatter.close(resolve));
  }
});

test('purge leaves no process, socket or file', { skip }, async () => {
  await cloud.ironbark('purge', '--yes');
  assert.deepEqual(processesNaming(user.home), []);
  assert.deepEqual(readdirSync(join(user.home, '.local/share')), []);
  assert.deepEqual(socketsIn(user.home), []);
});

function ssh(command: string): Promise<string> {
  return cloud.ssh(id, command);
}

function zone(): string {
  return `${cloud.credentials.region}a`;
}

async function stateOf(instanceId: string): Promise<string | undefined> {
  const { Reservations } = await ec2.call('DescribeInstances', { InstanceIds: [instanceId] });
  return Reservations?.[0]?.Instances?.[0]?.State?.Name;
}

async function isVolume(wanted: string, state: string): Promise<boolean> {
  const { Volumes } = await ec2.call('DescribeVolumes', { VolumeIds: [wanted] });
  return Volumes?.[0]?.State === state;
}

/** Gives the volume's device in the guest: the one whose serial is its id without the dash. */
async function attach(wanted: string, Device: string): Promise<string> {
  await eventually(`${wanted} is there`, async () => await isVolume(wanted, 'available'));
  await ec2.call('AttachVolume', { VolumeId: wanted, InstanceId: id, Device });
  const find = `grep -l ^${wanted.replace('-', '')} /sys/block/vd*/serial || true`;
  const path = await eventually('the device in the guest', async () => {
    const output = (await ssh(find)).trim();
    return output === '' ? undefined : output;
  });
  return path.replace(/^\/sys\/block\/(\w+)\/serial$/, '/dev/$1');
}

async function uptime(): Promise<number> {
  return Number((await ssh('cut -d" " -f1 /proc/uptime')).trim());
}

async function sshPort(): Promise<number | undefined> {
  const { node } = await cloud.status();
  return node.instances.find((instance) => instance.id === id)?.ssh?.port;
}
