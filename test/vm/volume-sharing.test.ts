// Two real guests have one volume: what one has flushed the other reads, both write at once, and one is cut off by force
// while the other goes on.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CloudUnderTest, eventually } from '../support/cloud-under-test.ts';
import { type DirectGuest, launchDirectGuest } from '../support/direct-guest.ts';
import { findDevice } from '../support/guests.ts';
import { attachVolume, connectEc2, deleteVolume, makeVolume } from '../support/volumes.ts';

const skip = process.getuid?.() === 0 ? false : 'NOT TESTED: bridges need root';
const SHARED = { Size: 4, VolumeType: 'io2', Iops: 2_000, MultiAttachEnabled: true } as const;

interface Holder extends DirectGuest {
  device: string;
}

test('two guests share a volume, and lose it one by one', { skip }, async () => {
  await using cloud = await CloudUnderTest.start();
  const volume = await makeVolume(cloud, SHARED);
  const launched = await Promise.all([launchDirectGuest(cloud), launchDirectGuest(cloud)]);
  const [a, b] = (await Promise.all(launched.map((guest) => attach(cloud, volume, guest)))) as [
    Holder,
    Holder,
  ];
  // Past the guests' own caches, as whoever shares a disk does.
  const put = 'head -c 1048576 /dev/urandom > /tmp/data && dd if=/tmp/data';
  await a.run(`${put} of=${a.device} bs=64k oflag=direct conv=fsync`);
  const sum = (guest: Holder, mib: number) =>
    guest.run(`dd if=${guest.device} bs=1M skip=${mib} count=1 iflag=direct | sha256sum`);
  const written = (guest: Holder) => guest.run('sha256sum < /tmp/data');
  assert.equal(await sum(b, 0), await written(a));
  await b.run(`${put} of=${b.device} bs=64k oflag=direct conv=fsync`);
  assert.equal(await sum(a, 0), await written(b));

  // Each in turn writes its count to a place of its own, for as long as it can.
  const count = (guest: Holder, mib: number) =>
    guest.start(
      `i=0; while true; do i=$((i+1)); printf "%-512s" $i | dd of=${guest.device} bs=512 seek=$((${mib}*2048)) oflag=direct conv=notrunc; done`,
    );
  const counted = async (reader: Holder, mib: number) =>
    Number(
      await reader.run(`dd if=${reader.device} bs=512 skip=$((${mib}*2048)) count=1 iflag=direct`),
    );
  await count(a, 2);
  await count(b, 3);
  await eventually(
    'both count',
    async () => (await counted(b, 2)) > 2 && (await counted(a, 3)) > 2,
  );
  await connectEc2(cloud).call('DetachVolume', { VolumeId: volume, InstanceId: a.id, Force: true });
  await eventually('only one has it', async () => {
    const { Volumes } = await connectEc2(cloud).call('DescribeVolumes', { VolumeIds: [volume] });
    return Volumes![0]!.Attachments!.map(({ InstanceId }) => InstanceId).join() === b.id;
  });
  const last = await counted(b, 2);
  const own = await counted(b, 3);
  await eventually('the other goes on', async () => (await counted(b, 3)) > own + 2);
  assert.equal(await counted(b, 2), last, 'nothing comes from the one that was cut off');
  await connectEc2(cloud).call('TerminateInstances', { InstanceIds: [a.id, b.id] });
  await eventually('nobody has it', async () => {
    const { Volumes } = await connectEc2(cloud).call('DescribeVolumes', { VolumeIds: [volume] });
    return Volumes![0]!.State === 'available';
  });
  await deleteVolume(cloud, volume);
});

async function attach(cloud: CloudUnderTest, volume: string, guest: DirectGuest): Promise<Holder> {
  await attachVolume(cloud, volume, { instanceId: guest.id, device: '/dev/sdf' });
  return { ...guest, device: await findDevice(guest.run, volume) };
}
