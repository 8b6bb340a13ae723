// Two clouds on one host at the same time, each with a real guest: neither notices the other. The second lies behind
// a folder that only root may enter, where its guests, which are users of their own, have to work all the same.

import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { CloudUnderTest, eventually } from '../support/cloud-under-test.ts';
import {
  assertSameHost,
  guestPid,
  type HostSnapshot,
  processesNaming,
  snapshotHost,
} from '../support/host-snapshot.ts';

const skip = process.getuid?.() === 0 ? false : 'needs root for bridges and taps';

let parent: string;
let first: CloudUnderTest;
let second: CloudUnderTest;
let hostBefore: HostSnapshot;
const guests = { first: '', second: '' };

before(async () => {
  if (skip !== false) return;
  // mkdtemp makes it 0700.
  parent = await mkdtemp('/var/tmp/ironbark-test-');
  hostBefore = await snapshotHost(parent);
});
after(async () => {
  await first?.[Symbol.asyncDispose]();
  await second?.[Symbol.asyncDispose]();
  if (parent !== undefined) await rm(parent, { recursive: true, force: true });
});

test('a second cloud comes up beside the first, with a port and a network of its own', {
  skip,
}, async () => {
  first = await CloudUnderTest.start();
  second = await CloudUnderTest.start({ dataDir: join(parent, 'cloud') });
  const [one, other] = [await first.status(), await second.status()];
  assert.notEqual(one.endpoint, other.endpoint);
  assert.notEqual(one.config.vpcCidr, other.config.vpcCidr);
  assert.notEqual(one.accountId, other.accountId);
});

test('each has a guest that answers, and knows nothing of the other’s', { skip }, async () => {
  [guests.first, guests.second] = await Promise.all([launch(first), launch(second)]);
  for (const [cloud, id] of [
    [first, guests.first],
    [second, guests.second],
  ] as const) {
    const { node, config } = await cloud.status();
    assert.deepEqual(
      node.instances.map((instance) => instance.id),
      [id],
    );
    const [network] = config.vpcCidr.split('.0.0/');
    assert.match(await cloud.ssh(id, 'ip -4 addr show eth0'), new RegExp(`inet ${network}[.]`));
  }
});

test('a guest behind a folder that it may not enter gets a volume', { skip }, async () => {
  const ec2 = second.ec2();
  const AvailabilityZone = `${second.credentials.region}a`;
  const { VolumeId } = await ec2.call('CreateVolume', { AvailabilityZone, Size: 1 });
  await eventually('the volume', async () => {
    const { Volumes } = await ec2.call('DescribeVolumes', { VolumeIds: [VolumeId!] });
    return Volumes?.[0]?.State === 'available';
  });
  const attachment = { VolumeId: VolumeId!, InstanceId: guests.second, Device: '/dev/sdf' };
  await ec2.call('AttachVolume', attachment);
  const find = `grep -l ^${VolumeId!.replace('-', '')} /sys/block/vd*/serial || true`;
  await eventually('the disk', async () => found(await second.ssh(guests.second, find)));
});

test('the first goes, and the second and its guest run on', { skip }, async () => {
  const uptimeBefore = await uptime();
  const pid = guestPid(guests.second);
  await first.ironbark('purge', '--yes');
  assert.deepEqual(processesNaming(first.dataDir), []);
  assert.equal(guestPid(guests.second), pid);
  assert.ok((await uptime()) > uptimeBefore);
  await second.ssh(guests.second, 'wget -q -O /dev/null http://169.254.169.254/ || true');
  assert.equal((await second.status()).node.instances[0]?.power, 'running');
});

test('nothing is left of either', { skip }, async () => {
  await second.ironbark('purge', '--yes');
  await rm(first.dataDir, { recursive: true, force: true });
  assert.deepEqual(processesNaming(parent), []);
  assertSameHost(hostBefore, await snapshotHost(parent));
});

async function launch(cloud: CloudUnderTest): Promise<string> {
  return (await cloud.json<{ instanceId: string }>('launch', '--name', 'web')).instanceId;
}

function found(output: string): string | undefined {
  return output.trim() === '' ? undefined : output.trim();
}

async function uptime(): Promise<number> {
  return Number((await second.ssh(guests.second, 'cut -d" " -f1 /proc/uptime')).trim());
}
